// Attacks on what is kept and shown: names that are script, secrets where a script or a log could read
// them, cookies that another page could have, what the next person at a shared PC finds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { Response } from "playwright-core";
import { words as home } from "../../app/text/home.ts";
import { words as link } from "../../app/link/text.ts";
import { words as my } from "../../app/my/text.ts";
import { words as start } from "../../app/start/text.ts";
import { COOKIES } from "../../server/cookies.ts";
import { ENDPOINTS, PAGES } from "../../shared/routes.ts";
import { systemClock } from "../../shared/clock.ts";
import { adviceFor } from "../../ui/reasons.ts";
import type { Cast } from "../lib/cast.ts";
import { Hands } from "../lib/hands.ts";
import { journey } from "../lib/journey.ts";
import type { Person } from "../lib/person.ts";
import { Phone } from "../lib/phone.ts";
import { Seals } from "../lib/seals.ts";
import { beginLink, lookAt, typeCode } from "../lib/steps.ts";

const HOSTILE = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
const TURNED = "abc\u202Egnp.exe\u2066";
const LONG = "あ".repeat(64);

/** No name became an element, none ran, none made the page wider than its window. */
async function harmless(person: Person): Promise<void> {
  const found = await person.page.evaluate(() => ({
    title: document.title,
    elements: document.querySelectorAll("[onerror], main script, img[src=x]").length,
    wide: document.documentElement.scrollWidth > window.innerWidth,
  }));
  assert.deepEqual({ ...found, title: found.title === "taken" }, { title: false, elements: 0, wide: false });
}

journey("attack: script, turned text and endless text as the account's name", async (cast) => {
  const { tier, idp } = cast.stage.origins;
  const seals = new Seals(cast.stage);
  for (const [index, name] of [HOSTILE, LONG, TURNED].entries()) {
    const person = await cast.person(index % 2 === 0 ? "pc" : "phone", index === 0 ? "ja" : "en");
    if (person.device === "phone") await person.page.setViewportSize({ width: 320, height: 640 });
    const signIn = { issuer: idp, subject: `hostile-${index}`, name, hint: `${name.slice(0, 16)}***` };
    const authTime = Math.floor(systemClock.now() / 1000);
    const acr = "urn:example:acr:password";
    await seals.put(person.context, "signIn", { ...signIn, authTime, acr, fresh: true });
    for (const [page, state] of [
      [PAGES.home, ["home"]],
      [PAGES.status, ["status-none"]],
      [PAGES.my, ["my-hidden"]],
      [PAGES.journey, ["journey-none"]],
    ] as const) {
      await person.page.goto(tier + page);
      await person.reach(...state);
      if (page === PAGES.my) {
        await person.press(my.show);
        await person.reach("my-not-linked");
      }
      if (page !== PAGES.journey) await person.page.getByText(name.slice(0, 3)).first().waitFor();
      await harmless(person);
      if (name !== HOSTILE) continue;
      // In fragments, too: nothing of them is ever shown.
      await person.page.goto(
        `${tier}${page}#error=${encodeURIComponent(HOSTILE.replaceAll("taken", "fragment"))}`,
      );
      await person.page.reload();
      await person.reach(...state);
      assert.ok(!(await person.page.locator("body").innerText()).includes("fragment"), page);
      await harmless(person);
    }
  }
});

/** Whatever a script of this browser could read, and every answer that it got. */
class Reading {
  readonly texts: { from: string; text: string }[] = [];
  readonly #person: Person;
  readonly #open: Promise<void>[] = [];

  constructor(person: Person) {
    this.#person = person;
    person.context.on("response", (response) => {
      // A stream has no end.
      if (!response.url().includes("/Watch")) this.#open.push(this.#read(response));
    });
  }

  async #read(response: Response): Promise<void> {
    const headers = (await response.headersArray().catch(() => [])).filter(
      ({ name }) => name.toLowerCase() !== "set-cookie",
    );
    const body = await response.body().catch(() => Buffer.alloc(0));
    const from = response.url();
    this.texts.push({ from, text: [from, JSON.stringify(headers), body.toString("latin1")].join("\n") });
  }

  async storage(): Promise<void> {
    const { page } = this.#person;
    const kept = await page.evaluate(async () => {
      if (navigator.serviceWorker.controller !== null) throw new Error("a service worker");
      return {
        cookie: document.cookie,
        caches: await caches.keys(),
        workers: (await navigator.serviceWorker.getRegistrations()).length,
        databases: (await indexedDB.databases()).length,
        texts: [
          JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]),
          location.href,
        ],
        window: window.name + JSON.stringify(history.state),
        page: document.documentElement.outerHTML,
      };
    });
    assert.deepEqual([kept.cookie, kept.caches, kept.workers, kept.databases], ["", [], 0, 0]);
    const text = [...kept.texts, kept.window, kept.page].join("\n");
    this.texts.push({ from: "what the page keeps", text });
  }

  /** Where a secret is, in any spelling. */
  async holding(secret: Buffer): Promise<{ from: string; text: string }[]> {
    await Promise.all(this.#open);
    const forms = [secret.toString("base64url"), secret.toString("base64").replace(/=+$/, "")];
    forms.push(secret.toString("hex"), secret.toString("latin1"));
    return this.texts.filter(({ text }) => forms.some((form) => text.includes(form)));
  }
}

/** As Chromium keeps them. */
async function checkCookies(person: Person, tier: string, kinds: readonly (keyof typeof COOKIES)[]) {
  const cookies = await person.context.cookies(tier);
  assert.deepEqual(cookies.map(({ name }) => name).sort(), kinds.map((kind) => COOKIES[kind].name).sort());
  const lifetimes = { session: 1_800, signIn: 900, oidc: 600, result: 60 };
  for (const kind of kinds) {
    const cookie = cookies.find(({ name }) => name === COOKIES[kind].name);
    const { name = "", httpOnly, secure, sameSite, path, domain, expires = 0 } = cookie ?? {};
    assert.deepEqual(
      { httpOnly, secure, sameSite, path, domain },
      { httpOnly: true, secure: true, sameSite: "Lax", path: "/", domain: new URL(tier).hostname },
    );
    assert.match(name, /^__Host-/);
    const left = expires - systemClock.now() / 1000;
    assert.ok(left > 0 && left <= lifetimes[kind] + 5, `${name} lives ${left} s`);
  }
}

journey("attack: no script, storage, answer or log gets a credential on the way of a LINK", async (cast) => {
  const { stage } = cast;
  const { tier } = stage.origins;
  const seals = new Seals(stage);
  const pc = await cast.person("pc", "ja");
  await pc.context.addInitScript(() => {
    // The cast makes a finding of this text.
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const reading = new Reading(pc);
  const secrets = new Map<string, Buffer>();
  const note = async (kinds: readonly (keyof typeof COOKIES)[]) => {
    await reading.storage();
    await checkCookies(pc, tier, kinds);
    const session = await seals.read(pc.context, "session");
    if (session !== undefined) secrets.set(session.credential, Buffer.from(session.credential, "base64url"));
  };
  await beginLink(pc, stage, "other", "shiken-002");
  await pc.reach("pc-qr");
  await note(["session", "signIn"]);
  const phone = new Phone(stage);
  // Its name is script, which the app shows at consent, and the tier to its owner alone.
  const file = `${stage.world.directory}/hostile.card.json`;
  const card = JSON.parse(readFileSync(await stage.world.newCard(), "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...card, holder_name: HOSTILE }));
  await phone.scan(new URL(await lookAt(pc)).hash.replace("#q=", ""));
  await typeCode(pc, phone.code);
  await pc.reach("pc-progress");
  await note(["session", "signIn"]);
  await phone.consent(await phone.prove(file));
  await pc.reach("link-decide");
  await note(["session", "signIn"]);
  assert.equal(secrets.size, 2, "the credential is replaced at READY");
  await harmless(pc);
  await pc.press(link.decide.LINK);
  await pc.reach("link-done-LINK");
  await note(["session", "signIn"]);

  await pc.page.goto(tier + PAGES.my);
  await pc.press(my.show);
  await pc.reach("my-shown");
  await pc.page.getByText(HOSTILE.slice(0, 20)).first().waitFor();
  await harmless(pc);
  await note(["session", "signIn"]);

  for (const secret of secrets.values()) assert.deepEqual(await reading.holding(secret), []);
  const log = readFileSync(stage.world.file("tier.log"), "utf8");
  const cookies = (await pc.context.cookies(tier)).map(({ value }) => value);
  for (const secret of [...secrets.keys(), ...cookies, "onerror", "shiken"]) assert.ok(!log.includes(secret));

  // "Leave this device", and whoever sits down next presses Back.
  await pc.page.getByTestId("leave").click();
  await pc.page.getByTestId("dialog-confirm").click();
  await pc.page.getByTestId("left").waitFor();
  await pc.page.getByText(home.leftTitle.ja).waitFor();
  await checkCookies(pc, tier, []);
  for (let steps = 0; steps < 4; steps++) {
    await pc.page.goBack({ waitUntil: "networkidle" }).catch(() => null);
    const text = await pc.page.locator("body").innerText();
    assert.doesNotMatch(text, /shiken|onerror/, pc.page.url());
    if (!pc.page.url().startsWith(tier)) break;
  }
  const hands = new Hands(pc.page, stage);
  await hands.rest();
  assert.deepEqual(await hands.state(), { session: null, signedIn: null });
});

/** At the demo relying party: begins a recovery, and gives the start page's address. */
async function beginRecovery(person: Person, cast: Cast): Promise<string> {
  const { account } = cast.stage.origins;
  await person.page.goto(`${account}/recovery`);
  const answered = person.page.waitForResponse((response) => response.request().method() === "POST");
  await person.page.getByTestId("rp-begin").click();
  const location = await (await answered).headerValue("location");
  await person.reach("start-offered");
  return location ?? "";
}

/** From the start page to the return page's address: the card is read, all is allowed. */
async function playRecovery(person: Person, cast: Cast): Promise<string> {
  await person.press(start.begin);
  // On a phone the page guesses so; what it guesses is of no account here.
  await person.reach("start-here", "start-qr");
  const hands = new Hands(person.page, cast.stage);
  await hands.rest();
  const { session } = await hands.state();
  const sessionId = Buffer.from(session?.id ?? "", "base64url").toString("base64");
  const phone = new Phone(cast.stage);
  await phone.openHandoff(await hands.handoff(sessionId));
  const ticket = await phone.consent(await phone.prove(cast.stage.world.card("p-384")));
  return ticket?.returnUrl ?? "";
}

async function refusedByRelyingParty(person: Person): Promise<void> {
  await person.page.waitForSelector("body[data-state^=rp-refused-]");
}

journey("attack: the result of a recovery is for the relying party's page alone, once", async (cast) => {
  const { tier, account } = cast.stage.origins;
  const person = await cast.person("phone", "ja");
  const reading = new Reading(person);
  const entry = await beginRecovery(person, cast);
  // Looking has claimed nothing, and the code is out of the address bar.
  assert.equal(person.page.url(), tier + PAGES.start);
  assert.deepEqual(await person.context.cookies(tier), []);

  const returnUrl = await playRecovery(person, cast);
  // The start page's address opens nothing in another browser now, and says so.
  const thief = await cast.person("phone", "en");
  await thief.page.goto(entry);
  await thief.reach("start-offered");
  await thief.press(start.begin);
  await thief.reach("start-refused-START_CODE_INVALID");
  await thief.page.getByText(adviceFor("START_CODE_INVALID").title.en).waitFor();
  assert.deepEqual(await thief.context.cookies(tier), []);

  const sent = person.page.waitForResponse(tier + ENDPOINTS.result);
  await person.page.goto(returnUrl);
  const leads = new URL((await (await sent).headerValue("location")) ?? "");
  assert.equal(leads.origin + leads.pathname, `${account}/recovery/return`);
  await person.page.waitForURL((url) => url.origin === account);
  const code = leads.searchParams.get("code") ?? "";
  assert.match(code, /^[A-Za-z0-9_-]{43}$/);
  for (const { from, text } of await reading.holding(Buffer.from(code, "base64url"))) {
    assert.ok(from.startsWith(`${tier}${ENDPOINTS.result}`) || from.startsWith(account), `${from}: ${text}`);
  }
  assert.ok(!readFileSync(cast.stage.world.file("tier.log"), "utf8").includes(code));
  await checkCookies(person, tier, ["session"]);

  // The way there is gone with the cookie.
  await person.page.goto(tier + ENDPOINTS.result);
  await person.page.getByText(adviceFor("RESULT_CODE_INVALID").title.ja).waitFor();
  // And the relying party takes neither a copy in another browser nor the same again.
  for (const again of [thief, person]) {
    await again.page.goto(leads.href);
    await refusedByRelyingParty(again);
  }
});

journey("attack: somebody else's recovery is sent to a victim, who goes all the way", async (cast) => {
  const { account, tier } = cast.stage.origins;
  const attacker = await cast.person("pc", "en");
  const entry = await beginRecovery(attacker, cast);
  const victim = await cast.person("phone", "ja");
  await victim.page.goto(entry);
  await victim.reach("start-offered");
  await victim.page.goto(await playRecovery(victim, cast));
  await victim.page.waitForURL((url) => url.origin === account);
  // The relying party has begun nothing with this browser.
  await refusedByRelyingParty(victim);
  // The attacker's browser, which has begun it, has come no further.
  for (const path of ["/recovery/password", "/recovery/return"]) {
    await attacker.page.goto(account + path);
    assert.notEqual(await attacker.state(), "rp-password");
  }
  await attacker.page.goto(tier + PAGES.journey);
  await attacker.reach("journey-none");
});
