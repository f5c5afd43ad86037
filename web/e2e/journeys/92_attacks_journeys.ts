// Attacks with what a journey hands from one device to another: the QR, the hand-off, the return code, the
// callback. Each is refused, says so in words, costs the person nothing, and the right browser goes on.
import assert from "node:assert/strict";
import { words as back } from "../../app/return/text.ts";
import { COOKIES } from "../../server/cookies.ts";
import type { SignInPurpose } from "../../shared/page.ts";
import { PAGES } from "../../shared/routes.ts";
import { words as app } from "../../standin-app/text.ts";
import { adviceFor } from "../../ui/reasons.ts";
import type { Cast } from "../lib/cast.ts";
import { Hands, requestId } from "../lib/hands.ts";
import { journey } from "../lib/journey.ts";
import { Phone } from "../lib/phone.ts";
import type { Person } from "../lib/person.ts";

const SESSION = COOKIES.session.name;
const SIGN_IN = COOKIES.signIn.name;

async function cookieNames(person: Person, origin: string): Promise<string[]> {
  return (await person.context.cookies(origin)).map(({ name }) => name);
}

/** What a person reads about a reason, in their language. */
function advice(person: Person, reason: string): string {
  return adviceFor(reason).title[person.locale];
}

journey("attack: photographs of the QR, opened elsewhere", async (cast) => {
  const { stage } = cast;
  const pc = new Hands((await cast.person("pc", "ja")).page, stage);
  await pc.signIn();
  const sessionId = await pc.open();
  const photograph = await pc.payload(sessionId);
  const stranger = await cast.person("phone", "en");
  const claim = async (payload: string, reason: string) => {
    await stranger.page.goto(`${stage.origins.app}/#q=${payload}`);
    await stranger.reach("app-opened");
    // Opening it has made nothing yet.
    await stranger.press(app.continue);
    await stranger.reach("app-claim-refused");
    await stranger.page.getByTestId(`reason-${reason}`).waitFor();
    await stranger.page.getByText(advice(stranger, reason)).waitFor();
    // The next link begins afresh.
    await stranger.page.goto("about:blank");
  };
  // In the tier itself, where no app is, it is a page like any other.
  await stranger.page.goto(`${stage.origins.tier}/#q=${photograph}`);
  await stranger.reach("home");
  assert.deepEqual(await cookieNames(stranger, stage.origins.tier), []);

  await stage.musubid.advance(20);
  await claim(photograph, "QR_FRAME_STALE");
  const live = await pc.payload(sessionId);
  const own = new Phone(stage);
  await own.scan(live);
  await claim(live, "ALREADY_CLAIMED");
  assert.equal(await pc.sessionState(sessionId), "SESSION_STATE_CLAIMED");
  const { json } = await pc.call("SessionService/GetSession", { sessionId });
  assert.equal((json["session"] as Record<string, unknown>)["secondPhoneTried"], true);
  // The person goes on with the phone that was first.
  const confirm = { sessionId, requestId: requestId(), pairingCode: own.code };
  assert.equal((await pc.call("PairingService/ConfirmCode", confirm)).reason, undefined);
  assert.equal(await pc.sessionState(sessionId), "SESSION_STATE_PAIRED");
});

for (const locale of ["ja", "en"] as const) {
  journey(`attack: a hand-off is sent to somebody else, ${locale}`, async (cast) => {
    const { stage } = cast;
    const attacker = await cast.person("pc", locale);
    const theirs = new Hands(attacker.page, stage);
    await theirs.signIn();
    const sessionId = await theirs.open();
    const sent = await theirs.handoff(sessionId);
    // The victim follows the link, reads the card, allows: all that they can be talked into.
    const victim = new Phone(stage);
    await victim.openHandoff(sent);
    const ticket = await victim.consent(await victim.prove(stage.world.card("second")));
    assert.ok(ticket);

    // The victim's browser: one that has nothing, and one that has a journey of its own.
    const browser = await cast.person("phone", locale);
    for (const busy of [false, true]) {
      const hands = new Hands(browser.page, stage);
      if (busy) {
        await hands.signIn("shiken-002");
        await hands.open();
      }
      const before = await cookieNames(browser, stage.origins.tier);
      await browser.page.goto(ticket.returnUrl);
      await browser.reach("return-other-browser");
      await browser.page.getByRole("heading", { name: back.otherTitle[locale] }).waitFor();
      await browser.page.getByText(back.otherWarning[locale]).waitFor();
      // The code is not in the address any more, nor did it go anywhere.
      assert.equal(new URL(browser.page.url()).hash, "");
      assert.deepEqual(await cookieNames(browser, stage.origins.tier), before);
      await browser.page.goto("about:blank");
    }
    const code = /\.([A-Za-z0-9_-]{43})$/.exec(ticket.returnUrl)?.[1] ?? "";
    for (const { url, body } of browser.sent()) {
      const octets = Buffer.from(code, "base64url").toString("latin1");
      assert.ok(!url.split("#")[0]?.includes(code) && !body.toString("latin1").includes(octets));
    }

    // The attacker's browser has no code, and guessing one does not make it READY.
    const complete = (returnCode?: string) =>
      theirs.call("PairingService/CompleteReturn", {
        sessionId,
        requestId: requestId(),
        ...(returnCode === undefined ? {} : { returnCode }),
      });
    assert.ok((await complete()).reason);
    assert.equal((await complete(Buffer.alloc(32, 1).toString("base64"))).reason, "RETURN_CODE_INVALID");
    const { reason } = await theirs.call("LinkService/CreateLink", { sessionId, requestId: requestId() });
    assert.equal(reason, "WRONG_STATE");
    assert.equal(await theirs.sessionState(sessionId), "SESSION_STATE_CONSENTED");
    assert.equal((await theirs.standing()).links, 0);
  });
}

journey("attack: the return code, in another browser first, still works in the right one", async (cast) => {
  const { stage } = cast;
  const right = await cast.person("phone", "ja");
  const hands = new Hands(right.page, stage);
  await hands.signIn();
  const sessionId = await hands.open();
  const phone = new Phone(stage);
  await phone.openHandoff(await hands.handoff(sessionId));
  const ticket = await phone.consent(await phone.prove(stage.world.card("second")));
  assert.ok(ticket);
  const other = await cast.person("phone", "en");
  await other.page.goto(ticket.returnUrl);
  await other.reach("return-other-browser");
  // By hand, too, as a page that lies would.
  const theirs = new Hands(other.page, stage);
  await theirs.signIn("shiken-002");
  await theirs.open();
  const stolen = /\.([A-Za-z0-9_-]{43})$/.exec(ticket.returnUrl)?.[1] ?? "";
  const returnCode = Buffer.from(stolen, "base64url").toString("base64");
  const message = { sessionId, requestId: requestId(), returnCode };
  assert.equal(
    (await theirs.call("PairingService/CompleteReturn", message)).reason,
    "RETURN_IN_OTHER_BROWSER",
  );
  assert.equal(await hands.sessionState(sessionId), "SESSION_STATE_CONSENTED");

  await right.page.goto(ticket.returnUrl);
  await right.reach("link-decide", "journey-decide", "link-sign-in-AWAY", "link-sign-in-RESUMED");
  await hands.rest();
  assert.equal(await hands.sessionState(sessionId), "SESSION_STATE_READY");
  // Once: the code opens nothing more.
  await other.page.goto(ticket.returnUrl);
  await other.reach("return-other-browser");
});

/** A browser that is on its way back from the identity provider. */
async function onTheWay(
  cast: Cast,
  person: Person,
  // Asks for the password each time: the provider would send back whom it knows at once.
  purpose: SignInPurpose = "STATUS_UNLINK",
  account = "shiken-001",
): Promise<{ hands: Hands; callback: string }> {
  const hands = new Hands(person.page, cast.stage);
  await person.page.goto(await hands.beginSignIn(purpose));
  return { hands, callback: await hands.callback(account) };
}

/** Opens a callback and reads why it was refused: on which page, in words; nobody is signed in by it. */
async function refused(person: Person, origin: string, callback: string, reason: string, page: string) {
  const before = await cookieNames(person, origin);
  await person.page.goto(callback);
  await person.page.getByText(advice(person, reason)).first().waitFor();
  const url = new URL(person.page.url());
  assert.equal(url.origin + url.pathname, origin + page);
  assert.equal(url.search + url.hash, "");
  const after = await cookieNames(person, origin);
  assert.equal(after.includes(SIGN_IN), before.includes(SIGN_IN));
  assert.equal(after.includes(SESSION), before.includes(SESSION));
}

for (const locale of ["ja", "en"] as const) {
  journey(`attack: a callback in another browser, and once more, ${locale}`, async (cast) => {
    const { tier } = cast.stage.origins;
    const right = await cast.person("pc", locale);
    const other = await cast.person("pc", locale);
    const { hands, callback } = await onTheWay(cast, right);
    await refused(other, tier, callback, "SIGN_IN_MISMATCH", PAGES.home);
    // A browser that has begun a sign-in of its own keeps that.
    const theirs = await onTheWay(cast, other, "STATUS_UNLINK", "shiken-002");
    await refused(other, tier, callback, "SIGN_IN_MISMATCH", PAGES.home);
    await other.page.goto(theirs.callback);
    await theirs.hands.rest();
    assert.equal((await theirs.hands.state()).signedIn?.accountName, "shiken-002");
    // The right one goes on, once.
    await right.page.goto(callback);
    await hands.rest();
    assert.equal((await hands.state()).signedIn?.accountName, "shiken-001");
    await refused(right, tier, callback, "SIGN_IN_MISMATCH", PAGES.home);
    await hands.rest();
    assert.equal((await hands.state()).signedIn?.accountName, "shiken-001");
  });
}

journey("attack: a callback with another's code, a forged state, issuer or error", async (cast) => {
  const { tier } = cast.stage.origins;
  const victim = await cast.person("pc", "ja");
  const { callback: attackers } = await onTheWay(
    cast,
    await cast.person("pc", "en"),
    "STATUS_UNLINK",
    "shiken-002",
  );
  const change = (callback: string, name: string, value: string): string => {
    const url = new URL(callback);
    url.searchParams.set(name, value);
    return url.href;
  };
  const code = new URL(attackers).searchParams.get("code") ?? "";
  const forgeries: [string, string, string][] = [
    ["state", "A".repeat(43), "SIGN_IN_MISMATCH"],
    ["code", code, "SIGN_IN_FAILED"],
    ["code", "A".repeat(43), "SIGN_IN_FAILED"],
    ["iss", "https://evil.example", "SIGN_IN_FAILED"],
    ["error", "<script>alert(1)</script>", "SIGN_IN_FAILED"],
  ];
  for (const [name, value, reason] of forgeries) {
    const { callback } = await onTheWay(cast, victim);
    const page = reason === "SIGN_IN_MISMATCH" ? PAGES.home : PAGES.status;
    await refused(victim, tier, change(callback, name, value), reason, page);
  }
  // Twice the state, of which one is right.
  const { callback } = await onTheWay(cast, victim);
  await refused(victim, tier, `${callback}&state=x`, "SIGN_IN_MISMATCH", PAGES.home);
});

journey("attack: a callback whose session cookie names another session", async (cast) => {
  const { tier } = cast.stage.origins;
  const person = await cast.person("pc", "ja");
  const hands = new Hands(person.page, cast.stage);
  await hands.signIn();
  await hands.open();
  const before = (await hands.state()).signedIn?.authTime;
  const { callback } = await onTheWay(cast, person, "RESUME");
  // Another's session is put into the place of the victim's.
  const attacker = await cast.person("pc", "en");
  const theirs = new Hands(attacker.page, cast.stage);
  await theirs.signIn("shiken-002");
  const sessionId = await theirs.open();
  const cookies = await attacker.context.cookies(tier);
  await person.context.addCookies(cookies.filter(({ name }) => name === SESSION));
  await person.page.goto(callback);
  await person.page.getByText(advice(person, "SIGN_IN_MISMATCH")).first().waitFor();
  await hands.rest();
  // Signed in as before, not by this; the attacker's session has no account of the victim's.
  assert.equal((await hands.state()).signedIn?.authTime, before);
  assert.equal(await theirs.sessionState(sessionId), "SESSION_STATE_CREATED");
});
