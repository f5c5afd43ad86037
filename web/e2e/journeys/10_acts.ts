// The four acts from end to end, on two devices and on one. In the order that makes a story: an account
// gets a link, uses it, changes its card, and ends it. What one journey makes, the next one finds.
import assert from "node:assert/strict";
import { phrases as tierPhrases } from "../../app/text/journey.ts";
import { words as app } from "../../standin-app/text.ts";
import { APP_NAME } from "../../stage/programs.ts";
import { AUTHENTICATION_PIN, CARD_INFO_PIN, type CardName } from "../../stage/world.ts";
import type { Cast } from "../lib/cast.ts";
import { journey } from "../lib/journey.ts";
import type { Locale, Person } from "../lib/person.ts";
import {
  beginLink,
  chooseCard,
  FIRST_ACCOUNT,
  lookAt,
  pair,
  prove,
  scan,
  SECOND_ACCOUNT,
  signIn,
  takeOver,
} from "../lib/steps.ts";
import { findPin } from "../lib/traffic.ts";

/** Who does what in which language, so that both stories can be told beside each other. */
const STORIES: { locale: Locale; account: string; card: CardName; next: CardName }[] = [
  { locale: "ja", account: FIRST_ACCOUNT, card: "card", next: "second" },
  { locale: "en", account: SECOND_ACCOUNT, card: "p-384", next: "same-pins" },
];

/** From the QR on the PC to the decision there. */
async function withTwoDevices(pc: Person, phone: Person, cardInfo = CARD_INFO_PIN): Promise<void> {
  await scan(pc, phone);
  await pair(pc, phone);
  await prove(phone, { authentication: AUTHENTICATION_PIN, cardInfo });
  await phone.reach("app-done-pc");
  await pc.reach("link-decide");
  // Both sides are named before the press.
  await pc.page.getByText(/^試験/).waitFor();
}

/** From "open the app" to the way back from it, all in one browser. */
async function withOneDevice(phone: Person): Promise<void> {
  await phone.reach("phone-open");
  await phone.press(tierPhrases.openApp(APP_NAME));
  await takeOver(phone);
  await prove(phone);
  await phone.reach("app-return");
  await phone.press(app.returnDo);
}

async function decide(person: Person, result: string): Promise<void> {
  await person.page.getByTestId("decide").click();
  await person.reach(result);
}

async function openStatus(person: Person, cast: Cast, account: string): Promise<void> {
  await person.page.goto(`${cast.stage.origins.tier}/status`);
  await person.reach("status-signed-out");
  await person.page.locator("main button").first().click();
  await signIn(person, account);
}

for (const { locale, account, card, next } of STORIES) {
  journey(`LINK with a PC and a phone, ${locale}`, async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", locale);
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card(card));
    await beginLink(pc, stage, "other", account);
    await withTwoDevices(pc, phone);
    await decide(pc, "link-done-LINK");

    // No PIN leaves the device.
    const sent = [...pc.sent(), ...phone.sent()];
    assert.ok(sent.some(({ url, body }) => url.endsWith("/SubmitProof") && body.length > 256));
    assert.deepEqual(
      sent.flatMap((one) => [AUTHENTICATION_PIN, CARD_INFO_PIN].flatMap((pin) => findPin(one, pin))),
      [],
    );

    // Unlink is at hand.
    await pc.page.getByTestId("undo").click();
    await pc.page.getByRole("dialog").getByTestId("dialog-confirm").click();
    await pc.reach("link-done-LINK-undo-done");
  });

  journey(`LINK on one phone, ${locale}`, async (cast) => {
    const { stage } = cast;
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card(card));
    await beginLink(phone, stage, "this", account);
    await withOneDevice(phone);
    await phone.reach("link-decide");
    await decide(phone, "link-done-LINK");
  });

  journey(`the state of the link, ${locale}`, async (cast) => {
    const pc = await cast.person("pc", locale);
    await openStatus(pc, cast, account);
    await pc.reach("status-linked");
    await pc.page.getByTestId("show-name").click();
    await pc.reach("status-linked-names");
    const download = pc.page.waitForEvent("download");
    await pc.page.getByTestId("export").click();
    assert.match((await download).suggestedFilename(), /\.json$/);
    await pc.page.goto(`${cast.stage.origins.tier}/my`);
    await pc.reach("my-shown", "my-folded", "my-hidden", "my-closed", "my-asked");
  });

  journey(`VERIFY on a phone: a forgotten password, ${locale}`, async (cast) => {
    const { stage } = cast;
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card(card));
    await phone.page.goto(stage.origins.account);
    await phone.reach("rp-start");
    await phone.page.getByTestId("rp-begin").click();
    await phone.reach("start-offered");
    await phone.page.getByTestId("begin").click();
    await phone.reach("start-here");
    await phone.page.getByTestId("on-phone").click();
    await withOneDevice(phone);
    await phone.reach("rp-password");
    await phone.page.locator("#first").fill("a-new-pretend-password");
    await phone.page.locator("#second").fill("a-new-pretend-password");
    await phone.page.locator("form button.button-main").click();
    await phone.reach("rp-done");
  });

  journey(`VERIFY on a PC shows the way to the phone, ${locale}`, async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", locale);
    await pc.page.goto(stage.origins.account);
    await pc.reach("rp-start");
    await pc.page.getByTestId("rp-begin").click();
    await pc.reach("start-offered");
    await pc.page.getByTestId("begin").click();
    await pc.reach("start-qr", "start-pc", "start-phone");
    // No session is in it: whoever scans it begins one of their own.
    assert.equal(await lookAt(pc), `${stage.origins.account}/recovery`);
  });

  journey(`LINK of an account that has a card, ${locale}`, async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", locale);
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card("other"));
    await beginLink(pc, stage, "other", account);
    await withTwoDevices(pc, phone);
    await decide(pc, "link-refused-ACCOUNT_ALREADY_LINKED");
  });

  journey(`REPLACE, ${locale}`, async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", locale);
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card(next));
    await openStatus(pc, cast, account);
    await pc.reach("status-linked");
    await pc.page.getByTestId("replace").click();
    await signIn(pc, account);
    await withTwoDevices(pc, phone, next === "same-pins" ? AUTHENTICATION_PIN : CARD_INFO_PIN);
    await decide(pc, "link-done-REPLACE");
  });

  journey(`UNLINK with the card, ${locale}`, async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", locale);
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card(next));
    await openStatus(pc, cast, account);
    await pc.reach("status-linked");
    await pc.page.getByTestId("unlink-with-card").click();
    await signIn(pc, account);
    await withTwoDevices(pc, phone, next === "same-pins" ? AUTHENTICATION_PIN : CARD_INFO_PIN);
    await decide(pc, "link-done-UNLINK");
  });

  journey(`a password cannot be recovered with a card that is not linked, ${locale}`, async (cast) => {
    const { stage } = cast;
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card("other"));
    await phone.page.goto(stage.origins.account);
    await phone.reach("rp-start");
    await phone.page.getByTestId("rp-begin").click();
    await phone.reach("start-offered");
    await phone.page.getByTestId("begin").click();
    await phone.reach("start-here");
    await phone.page.getByTestId("on-phone").click();
    await withOneDevice(phone);
    await phone.reach("rp-refused-no-link");
  });
}

journey("a card that is linked to somebody else: refused, the other account never named", async (cast) => {
  const { stage } = cast;
  const file = stage.world.card("other");
  const phone = await cast.person("phone", "ja");
  await chooseCard(phone, stage, file);
  await beginLink(phone, stage, "this", FIRST_ACCOUNT);
  await withOneDevice(phone);
  await phone.reach("link-decide");
  await decide(phone, "link-done-LINK");

  const pc = await cast.person("pc", "ja");
  await beginLink(pc, stage, "other", SECOND_ACCOUNT);
  await withTwoDevices(pc, phone);
  await decide(pc, "link-refused-CARD_ALREADY_LINKED");
  const text = await pc.page.locator("body").innerText();
  assert.ok(!text.includes(FIRST_ACCOUNT) && !text.includes("sh***"));

  // Without the card: lost, say.
  const status = await phone.newTab();
  await status.page.goto(`${stage.origins.tier}/status`);
  if ((await status.reach("status-linked", "status-signed-out")) === "status-signed-out") {
    await status.page.locator("main button").first().click();
    await signIn(status, FIRST_ACCOUNT);
    await status.reach("status-linked");
  }
  await status.page.getByTestId("unlink-here").click();
  await status.reach("status-unlink-asked", "status-unlink-sign-in");
  await status.page.getByRole("dialog").getByTestId("dialog-confirm").click();
  await status.reach("status-unlinked", "idp-login");
});
