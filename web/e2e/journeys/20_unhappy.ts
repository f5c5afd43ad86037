// What goes wrong on the way with two devices, and how it goes on. Nothing here links anything.
import assert from "node:assert/strict";
import { phrases as tierPhrases, words as tier } from "../../app/text/journey.ts";
import { endings, pinWrong, words as app } from "../../standin-app/text.ts";
import type { Cast } from "../lib/cast.ts";
import { journey } from "../lib/journey.ts";
import type { Locale, Person } from "../lib/person.ts";
import {
  allow,
  beginLink,
  chooseCard,
  enterPin,
  lookAt,
  pair,
  readCard,
  readCode,
  scan,
  signIn,
  startCard,
  takeOver,
  typeCode,
} from "../lib/steps.ts";

const OTHER_CODE = (code: string) => (code === "000000" ? "000001" : "000000");

/** A PC that shows a QR, and a phone with a card in its app. */
async function ready(
  cast: Cast,
  locale: Locale,
  file = cast.stage.world.card("card"),
): Promise<{ pc: Person; phone: Person }> {
  const pc = await cast.person("pc", locale);
  const phone = await cast.person("phone", locale);
  await chooseCard(phone, cast.stage, file);
  await beginLink(pc, cast.stage, "other");
  await pc.reach("pc-qr");
  return { pc, phone };
}

/** The same, after the code. */
async function paired(cast: Cast, locale: Locale, file?: string): Promise<{ pc: Person; phone: Person }> {
  const { pc, phone } = await ready(cast, locale, file);
  await scan(pc, phone);
  await pair(pc, phone);
  await pc.reach("pc-progress");
  return { pc, phone };
}

journey("a wrong code costs a try, and the right one goes on", async (cast) => {
  const locale = "ja";
  const { pc, phone } = await ready(cast, locale);
  await scan(pc, phone);
  const code = await readCode(phone);
  await typeCode(pc, OTHER_CODE(code));
  await pc.sees(tierPhrases.wrongCode(4));
  await pc.picture("pc-code-wrong");
  await typeCode(pc, code);
  await pc.reach("pc-progress");
});

journey("five wrong codes end the journey, on both devices", async (cast) => {
  const locale = "en";
  const { pc, phone } = await ready(cast, locale);
  await scan(pc, phone);
  const code = await readCode(phone);
  for (let left = 4; left > 0; --left) {
    await typeCode(pc, OTHER_CODE(code));
    await pc.sees(tierPhrases.wrongCode(left));
  }
  await typeCode(pc, OTHER_CODE(code));
  await pc.reach("journey-failed");
  await phone.reach("app-over-failed");
});

journey("an expired code is refreshed on the phone", async (cast) => {
  const locale = "ja";
  const { pc, phone } = await ready(cast, locale);
  await scan(pc, phone);
  const code = await readCode(phone);
  await cast.stage.musubid.advance(121);
  await typeCode(pc, code);
  await pc.sees(tier.codeExpired);
  await phone.press(app.codeNew);
  await phone.page.waitForFunction(
    (old) => !document.querySelector("[data-testid=pairing-code]")?.textContent.includes(old),
    code.slice(0, 3),
  );
  await typeCode(pc, await readCode(phone));
  await pc.reach("pc-progress");
});

journey("a stale scan costs nothing", async (cast) => {
  const locale = "en";
  const { pc, phone } = await ready(cast, locale);
  const url = await lookAt(pc);
  await cast.stage.musubid.advance(20);
  await phone.page.goto(url);
  await phone.reach("app-opened");
  await phone.press(app.continue);
  await phone.reach("app-claim-refused");
  await phone.page.getByTestId("reason-QR_FRAME_STALE").waitFor();
  await scan(pc, phone);
  await readCode(phone);
});

journey("the QR's time is over, and it is shown again", async (cast) => {
  const locale = "ja";
  const { pc, phone } = await ready(cast, locale);
  await cast.stage.musubid.advance(301);
  await pc.reach("pc-qr-over");
  await pc.press(tier.showAgain);
  await scan(pc, phone);
  await readCode(phone);
});

journey("a second phone is refused, the PC is told, and goes on", async (cast) => {
  const locale = "en";
  const { pc, phone } = await ready(cast, locale);
  const other = await cast.person("phone", locale);
  const url = await lookAt(pc);
  await phone.page.goto(url);
  await takeOver(phone);
  await other.page.goto(url);
  await other.reach("app-opened");
  await other.press(app.continue);
  await other.reach("app-claim-refused");
  await pc.page.getByTestId("second-phone").waitFor();
  await pc.press(tier.carryOn);
  await typeCode(pc, await readCode(phone));
  await pc.reach("pc-progress");
});

journey("the first phone was a stranger's: the PC shows a new QR", async (cast) => {
  const locale = "ja";
  const { pc, phone } = await ready(cast, locale);
  const stranger = await cast.person("phone", locale);
  const url = await lookAt(pc);
  await stranger.page.goto(url);
  await takeOver(stranger);
  await phone.page.goto(url);
  await phone.reach("app-opened");
  await phone.press(app.continue);
  await phone.reach("app-claim-refused");
  await pc.page.getByTestId("second-phone").waitFor();
  await pc.press(tier.notMine);
  await scan(pc, phone);
  await stranger.reach("app-over-replaced");
  await pair(pc, phone);
});

journey("I did not start this", async (cast) => {
  const locale = "en";
  const { pc, phone } = await ready(cast, locale);
  await phone.page.goto(await lookAt(pc));
  await phone.reach("app-opened");
  await phone.press(app.continue);
  await phone.reach("app-who");
  await phone.press(app.notMe);
  await phone.reach("app-not-me");
  await phone.press(app.notMeDo);
  await phone.reach("app-over-not-me");
  await pc.reach("journey-cancelled");
});

journey("Stop? on the phone: going back keeps everything, stopping ends both", async (cast) => {
  const locale = "ja";
  const { pc, phone } = await paired(cast, locale);
  await startCard(phone);
  await phone.reach("app-pin-1");
  const pin = phone.page.getByLabel(app.pinField[locale]);
  await pin.fill("12");
  await phone.press(app.stop);
  await phone.reach("app-stop");
  await phone.inDialog(app.stopBack);
  await phone.reach("app-pin-1");
  assert.equal(await pin.inputValue(), "12");
  await phone.press(app.stop);
  await phone.reach("app-stop");
  await phone.inDialog(app.stop);
  await phone.reach("app-over-stopped");
  await phone.sees(endings.STOPPED.title);
  await pc.reach("journey-cancelled");
});

journey("Stop? on the PC: going back keeps everything, stopping ends both", async (cast) => {
  const locale = "en";
  const { pc, phone } = await paired(cast, locale);
  await pc.press(tier.stop);
  await pc.inDialog(tier.goBack);
  await pc.reach("pc-progress");
  await pc.press(tier.stop);
  await pc.inDialog(tier.stopConfirm);
  await pc.reach("journey-cancelled");
  await phone.reach("app-over-stopped-there");
  // Cancel is an outcome: one press begins anew.
  await pc.press(tier.startAgain);
  await pc.reach("pc-qr");
});

journey("consent withheld", async (cast) => {
  const locale = "ja";
  const { pc, phone } = await paired(cast, locale);
  await startCard(phone);
  await readCard(phone);
  await phone.reach("app-consent");
  await phone.press(app.stop);
  await phone.inDialog(app.stop);
  await phone.reach("app-over-withheld");
  await pc.reach("journey-cancelled");
});

journey("both pages are closed and opened again, everywhere on the way", async (cast) => {
  const locale = "en";
  const { pc, phone } = await ready(cast, locale);
  await pc.page.reload();
  await scan(pc, phone);
  await readCode(phone);
  await phone.page.reload();
  await pc.page.reload();
  await phone.reach("app-code");
  await phone.page.getByTestId("pairing-code").waitFor();
  await pair(pc, phone);
  await phone.page.reload();
  await pc.page.reload();
  await pc.reach("pc-progress");
  await startCard(phone);
  await phone.reach("app-pin-1");
  await phone.page.reload();
  await startCard(phone);
  await readCard(phone);
  await phone.reach("app-consent");
  await phone.page.reload();
  await pc.page.close();
  await allow(phone);
  await phone.reach("app-done-pc");
  // READY needs a fresh sign-in when the page was opened anew.
  const again = await pc.newTab();
  await again.page.goto(`${cast.stage.origins.tier}/journey`);
  await again.reach("journey-resume");
  await again.press(tier.signIn);
  await signIn(again);
  await again.reach("link-decide");
});

journey("two tabs: the newest wins, the older one says so", async (cast) => {
  const locale = "ja";
  const { pc } = await ready(cast, locale);
  const newer = await pc.newTab();
  await newer.page.goto(`${cast.stage.origins.tier}/journey`);
  await newer.reach("pc-qr");
  await pc.reach("journey-older-tab");
  await pc.press(tier.useThisTab);
  await pc.reach("pc-qr");
  await newer.reach("journey-older-tab");
});

journey("a wrong PIN, and a locked one", async (cast) => {
  const locale = "en";
  const { phone } = await paired(cast, locale, await cast.stage.world.newCard());
  await startCard(phone);
  for (const left of [2, 1]) {
    await enterPin(phone, "app-pin-1", "9999");
    await enterPin(phone, "app-pin-2", "5678");
    await phone.reach("app-read-ready");
    await phone.press(app.readStart);
    await phone.sees(pinWrong(left));
  }
  await phone.page.getByTestId("last-try").waitFor();
  await enterPin(phone, "app-pin-1", "9999");
  await enterPin(phone, "app-pin-2", "5678");
  await phone.reach("app-read-ready");
  await phone.press(app.readStart);
  await phone.reach("app-locked");
});

journey("a lifted card costs no PIN", async (cast) => {
  const locale = "ja";
  const { phone } = await paired(cast, locale);
  await startCard(phone);
  await readCard(phone);
  await phone.press(app.lift);
  await phone.reach("app-lifted");
  await phone.press(app.liftedAgain);
  await phone.reach("app-consent");
});

journey("a card that was reported lost", async (cast) => {
  const locale = "en";
  const { pc, phone } = await paired(cast, locale, cast.stage.world.card("lost"));
  await startCard(phone);
  await readCard(phone);
  await phone.reach("app-verdict-revoked");
  await pc.reach("pc-progress");
});

journey("a card that is too old", async (cast) => {
  const locale = "ja";
  const { phone } = await paired(cast, locale, cast.stage.world.card("expired"));
  await startCard(phone);
  await readCard(phone);
  await phone.reach("app-verdict-expired");
});

journey("the network is lost and comes back, on both devices", async (cast) => {
  const locale = "en";
  const { pc, phone } = await ready(cast, locale);
  await scan(pc, phone);
  const code = await readCode(phone);
  await pc.context.setOffline(true);
  await phone.context.setOffline(true);
  await pc.page.getByTestId("line-down").waitFor();
  await phone.page.getByTestId("offline").waitFor();
  await pc.context.setOffline(false);
  await phone.context.setOffline(false);
  await pc.page.getByTestId("line-down").waitFor({ state: "detached" });
  await typeCode(pc, code);
  await phone.reach("app-unlock");
});

journey("an app without a card is set up on the way", async (cast) => {
  const locale = "ja";
  const pc = await cast.person("pc", locale);
  const phone = await cast.person("phone", locale);
  await beginLink(pc, cast.stage, "other");
  await scan(pc, phone);
  await typeCode(pc, await readCode(phone));
  await phone.reach("app-setup");
  await phone.page.locator("#card-file").setInputFiles(cast.stage.world.card("card"));
  await phone.reach("app-unlock");
});

journey("both PINs are the same", async (cast) => {
  const locale = "en";
  const { phone } = await paired(cast, locale, cast.stage.world.card("same-pins"));
  await startCard(phone);
  await readCard(phone, { authentication: "1234", cardInfo: "same" });
  await phone.reach("app-consent");
});

journey("the session is over", async (cast) => {
  const locale = "ja";
  const { pc, phone } = await paired(cast, locale);
  await cast.stage.musubid.advance(1801);
  await pc.reach("journey-expired");
  await phone.reach("app-over-expired");
});

journey("the services are started anew: nothing hangs, and one press begins again", async (cast) => {
  const locale = "en";
  const { pc, phone } = await paired(cast, locale);
  await cast.stage.musubid.restart();
  // Both notice by themselves, and say what to do.
  await phone.reach("app-over-expired");
  await pc.reach("journey-none", "journey-expired");
  await pc.follow(tier.toHome);
  await pc.reach("home");
});
