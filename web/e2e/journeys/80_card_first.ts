// Card first, by configuration: the card is read before anybody has signed in, and the account is named
// afterwards, in the browser that began and in no other. And, either first: what a sign-in within a session
// does to the browser's credential.
import assert from "node:assert/strict";
import type { Cookie } from "playwright-core";
import { words as shared } from "../../app/account/text.ts";
import { words as tierWords, phrases as tierPhrases } from "../../app/text/journey.ts";
import { COOKIES } from "../../server/cookies.ts";
import { words as app } from "../../standin-app/text.ts";
import { APP_NAME } from "../../stage/programs.ts";
import { AUTHENTICATION_PIN, CARD_INFO_PIN } from "../../stage/world.ts";
import type { Cast } from "../lib/cast.ts";
import { Hands, requestId } from "../lib/hands.ts";
import { journey } from "../lib/journey.ts";
import type { Person } from "../lib/person.ts";
import {
  allow,
  beginLink,
  chooseCard,
  enterPin,
  FIRST_ACCOUNT,
  pair,
  scan,
  signIn,
  startCard,
  takeOver,
} from "../lib/steps.ts";

function cardFirst(name: string, play: (cast: Cast) => Promise<void>): void {
  journey(`card first: ${name}`, async (cast) => {
    const back = await cast.stage.standFor("CARD");
    try {
      await play(cast);
    } finally {
      await back();
    }
  });
}

async function cookieOf(person: Person, cast: Cast, kind: "session" | "signIn"): Promise<Cookie | undefined> {
  const cookies = await person.context.cookies(cast.stage.origins.tier);
  return cookies.find(({ name }) => name === COOKIES[kind].name);
}

async function sessionCookie(person: Person, cast: Cast): Promise<Cookie> {
  const cookie = await cookieOf(person, cast, "session");
  assert.ok(cookie);
  return cookie;
}

/** Id of the session that a cookie names (base64), and hands that hold nothing but that cookie. */
async function holding(cast: Cast, cookie: Cookie): Promise<{ hands: Hands; sessionId: string }> {
  const { page, context } = await cast.person("pc", "en");
  await context.addCookies([cookie]);
  const hands = new Hands(page, cast.stage);
  await hands.rest();
  const { session } = await hands.state();
  return { hands, sessionId: Buffer.from(session?.id ?? "", "base64url").toString("base64") };
}

/** The credential in it was replaced: nobody gets in with it any more. */
async function assertVoid(cast: Cast, cookie: Cookie): Promise<void> {
  const { hands, sessionId } = await holding(cast, cookie);
  assert.equal(await hands.sessionState(sessionId), "CREDENTIAL_INVALID");
}

/** Presses "begin" and is in the journey at once: no sign-in before it. */
async function begin(person: Person, cast: Cast, way: "this" | "other", state: string): Promise<void> {
  await person.page.goto(cast.stage.origins.tier);
  await person.reach("home");
  await person.page.getByTestId(`begin-${way}`).click();
  await person.reach(state);
  assert.equal(await cookieOf(person, cast, "signIn"), undefined);
}

/** The library asks for no name: one PIN. Before it and before "allow" the app says that no account is named. */
async function readCard(phone: Person): Promise<void> {
  await phone.reach("app-unlock");
  await phone.press(app.unlockDo);
  await phone.reach("app-start");
  await phone.sees(app.accountLater);
  await phone.press(app.start);
  await enterPin(phone, "app-pin-1", AUTHENTICATION_PIN);
  await phone.reach("app-read-ready");
  await phone.press(app.readStart);
  await phone.reach("app-consent");
  await phone.sees(app.accountLater);
  await allow(phone);
}

/** From "sign in" to both sides beside each other. The session stays, its credential does not. */
async function signInAndBind(person: Person, cast: Cast): Promise<void> {
  await person.reach("link-sign-in-NOT_SIGNED_IN");
  const before = await sessionCookie(person, cast);
  const { sessionId } = await holding(cast, before);

  // Whoever signs in in another browser names nothing here: without a session, and with one of their own.
  const other = new Hands((await cast.person("pc", "en")).page, cast.stage);
  await other.signIn("shiken-002");
  const bind = { sessionId, requestId: requestId() };
  assert.equal((await other.call("SessionService/BindAccount", bind)).reason, "NO_SESSION");
  await other.open();
  assert.equal((await other.call("SessionService/BindAccount", bind)).reason, "SESSION_REPLACED");

  await person.press(shared.signIn);
  await signIn(person, FIRST_ACCOUNT);
  await person.reach("link-decide");
  await person.page.getByText(FIRST_ACCOUNT).first().waitFor();
  const after = await sessionCookie(person, cast);
  const now = await holding(cast, after);
  assert.equal(now.sessionId, sessionId);
  assert.equal(await now.hands.sessionState(sessionId), "SESSION_STATE_READY");
  await assertVoid(cast, before);

  // Even who has the cookie cannot put a second account in the place of the first.
  await now.hands.signIn("shiken-002");
  const again = { sessionId, requestId: requestId() };
  assert.equal((await now.hands.call("SessionService/BindAccount", again)).reason, "ACCOUNT_ALREADY_BOUND");
  assert.equal((await now.hands.call("LinkService/CreateLink", again)).reason, "ACCOUNT_MISMATCH");
}

/** Links, and undoes it, so that nothing stays. */
async function linkAndUndo(person: Person): Promise<void> {
  await person.page.getByTestId("decide").click();
  await person.reach("link-done-LINK");
  await person.page.getByTestId("undo").click();
  await person.page.getByRole("dialog").getByTestId("dialog-confirm").click();
  await person.reach("link-done-LINK-undo-done");
}

cardFirst("LINK with a PC and a phone", async (cast) => {
  const pc = await cast.person("pc", "ja");
  const phone = await cast.person("phone", "ja");
  await chooseCard(phone, cast.stage, cast.stage.world.card("card"));
  await begin(pc, cast, "other", "pc-qr");
  await scan(pc, phone);
  await pair(pc, phone);
  await readCard(phone);
  await phone.reach("app-done-pc");
  await signInAndBind(pc, cast);
  await linkAndUndo(pc);
});

cardFirst("LINK on one phone", async (cast) => {
  const phone = await cast.person("phone", "en");
  await chooseCard(phone, cast.stage, cast.stage.world.card("second"));
  await begin(phone, cast, "this", "phone-open");
  await phone.press(tierPhrases.openApp(APP_NAME));
  await takeOver(phone);
  await readCard(phone);
  await phone.reach("app-return");
  await phone.press(app.returnDo);
  await signInAndBind(phone, cast);
  await linkAndUndo(phone);
});

/** With the account first, up to what ends the return: CompleteReturn comes next. */
async function untilReturn(cast: Cast, way: "this" | "other"): Promise<{ person: Person; phone: Person }> {
  const { stage } = cast;
  const phone = await cast.person("phone", "ja");
  await chooseCard(phone, stage, stage.world.card("second"));
  const person = way === "this" ? phone : await cast.person("pc", "ja");
  await beginLink(person, stage, way);
  if (way === "this") {
    await person.reach("phone-open");
    await person.press(tierPhrases.openApp(APP_NAME));
    await takeOver(phone);
  } else {
    await scan(person, phone);
    await pair(person, phone);
  }
  await startCard(phone);
  await enterPin(phone, "app-pin-1", AUTHENTICATION_PIN);
  await enterPin(phone, "app-pin-2", CARD_INFO_PIN);
  await phone.reach("app-read-ready");
  await phone.press(app.readStart);
  await phone.reach("app-consent");
  return { person, phone };
}

async function goBack(way: "this" | "other", phone: Person): Promise<void> {
  await allow(phone);
  if (way === "other") return;
  await phone.reach("app-return");
  await phone.press(app.returnDo);
}

/** Signs in where the page asks who has come back. */
async function resume(person: Person): Promise<void> {
  await person.reach("journey-resume");
  await person.press(tierWords.signIn);
  await signIn(person);
  await person.reach("link-decide");
}

async function decline(person: Person): Promise<void> {
  await person.page.getByTestId("decline").click();
  // The decision's own words, or the journey's if the stream was faster.
  await person.reach("link-over-CANCELLED_HERE", "journey-cancelled");
}

for (const way of ["this", "other"] as const) {
  const where = way === "this" ? "one phone" : "a PC";

  journey(`a sign-in to go on with a card that was read, on ${where}: another credential`, async (cast) => {
    const { person, phone } = await untilReturn(cast, way);
    await goBack(way, phone);
    await person.reach("link-decide");
    const before = await sessionCookie(person, cast);
    await person.page.reload();
    await resume(person);
    assert.notEqual((await sessionCookie(person, cast)).value, before.value);
    await assertVoid(cast, before);
    await decline(person);
  });

  journey(`the answer with the new credential is lost, on ${where}: a reload gets it`, async (cast) => {
    const { person, phone } = await untilReturn(cast, way);
    const before = await sessionCookie(person, cast);
    // The services have done it; the browser gets neither the answer nor its cookie, however often it asks.
    const network = await person.context.newCDPSession(person.page);
    await network.send("Fetch.enable", {
      patterns: [{ urlPattern: "*/CompleteReturn", requestStage: "Response" }],
    });
    let lost = 0;
    network.on("Fetch.requestPaused", ({ requestId: id }) => {
      lost += 1;
      void person.context
        .addCookies([before])
        .then(() => network.send("Fetch.failRequest", { requestId: id, errorReason: "ConnectionClosed" }))
        // It was paused when the page was left.
        .catch(() => undefined);
    });
    await goBack(way, phone);
    const again = person.say(way === "this" ? shared.again : tierWords.again);
    await person.page.getByRole("button", { name: again, exact: true }).waitFor();
    assert.ok(lost > 0);
    await assertVoid(cast, before);
    await network.send("Fetch.disable");

    await person.page.reload();
    // The return page goes on by itself: its code is what says who has come back.
    if (way === "other") await resume(person);
    await person.reach("link-decide");
    await decline(person);
  });
}
