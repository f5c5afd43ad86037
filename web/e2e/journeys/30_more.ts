// By keyboard alone; what is missing or down on the way; where links lead. Nothing here stays linked.
import assert from "node:assert/strict";
import { phrases as tierPhrases, words as tier } from "../../app/text/journey.ts";
import { words as app } from "../../standin-app/text.ts";
import { APP_NAME } from "../../stage/programs.ts";
import { AUTHENTICATION_PIN, CARD_INFO_PIN } from "../../stage/world.ts";
import { CancelReason } from "../../gen/musubi/v1/common_pb.ts";
import { adviceForCancel } from "../../ui/reasons.ts";
import { journey } from "../lib/journey.ts";
import { enter, typeInto } from "../lib/keys.ts";
import type { Person, Words } from "../lib/person.ts";
import {
  allow,
  beginLink,
  chooseCard,
  FIRST_ACCOUNT,
  lookAt,
  pair,
  readCard,
  readCode,
  scan,
  startCard,
  takeOver,
} from "../lib/steps.ts";

const button = (person: Person, words: Words) =>
  person.page.getByRole("button", { name: person.say(words), exact: true });

/** Each link of the page leads to something: somebody else opens it, so that this browser stays where it is. */
async function followLinks(person: Person, visitor: Person): Promise<string[]> {
  const links = await person.page
    .locator("a[href]")
    .evaluateAll((all) => [...new Set(all.map((link) => (link as HTMLAnchorElement).href))]);
  for (const link of links) {
    if (!link.startsWith("https:")) throw new Error(`a link to ${link}`);
    await visitor.page.goto("about:blank");
    const answer = await visitor.page.goto(link);
    assert.equal(answer?.status(), 200, link);
  }
  return links;
}

journey("LINK by keyboard alone, on both devices", async (cast) => {
  const { stage } = cast;
  const pc = await cast.person("pc", "ja");
  const phone = await cast.person("phone", "ja");
  await chooseCard(phone, stage, stage.world.card("card"));
  await pc.page.goto(stage.origins.tier);
  await pc.reach("home");
  await enter(pc, pc.page.getByTestId("begin-other"));
  await pc.reach("idp-login");
  await enter(pc, pc.page.locator(`button[name=pick][value="${FIRST_ACCOUNT}"]`));
  await pc.reach("pc-qr");

  await phone.page.goto(await lookAt(pc));
  await phone.reach("app-opened");
  await enter(phone, button(phone, app.continue));
  await phone.reach("app-who");
  await enter(phone, button(phone, app.whoYes));
  const code = await readCode(phone);
  await pc.reach("pc-code");
  await typeInto(pc, pc.page.getByLabel(tier.codeLabel[pc.locale]), code);
  await pc.page.keyboard.press("Enter");
  await phone.reach("app-unlock");
  await enter(phone, button(phone, app.unlockDo));
  await phone.reach("app-start");
  await enter(phone, button(phone, app.start));
  for (const [state, pin] of [
    ["app-pin-1", AUTHENTICATION_PIN],
    ["app-pin-2", CARD_INFO_PIN],
  ] as const) {
    await phone.reach(state);
    await typeInto(phone, phone.page.getByLabel(app.pinField[phone.locale]), pin);
    await phone.page.keyboard.press("Enter");
  }
  await phone.reach("app-read-ready");
  // "Stop?" takes the focus, and gives it back.
  await enter(phone, button(phone, app.stop));
  await phone.reach("app-stop");
  await phone.page.keyboard.press("Escape");
  await phone.reach("app-read-ready");
  await enter(phone, button(phone, app.readStart));
  await phone.reach("app-consent");
  await enter(phone, button(phone, app.allow));
  await phone.reach("app-done-pc");

  await pc.reach("link-decide");
  await enter(pc, pc.page.getByTestId("decide"));
  await pc.reach("link-done-LINK");
  await enter(pc, pc.page.getByTestId("undo"));
  await enter(pc, pc.page.getByRole("dialog").getByTestId("dialog-confirm"));
  await pc.reach("link-done-LINK-undo-done");
});

journey("the app is not installed: the page helps, and it goes on once it is", async (cast) => {
  const { stage } = cast;
  const phone = await cast.person("phone", "en");
  await chooseCard(phone, stage, stage.world.card("card"));
  const visitor = await cast.person("phone", "en");
  await phone.press(app.cardsOpen);
  await phone.reach("app-cards");
  await phone.page.getByLabel(app.notInstalled[phone.locale]).check();
  await beginLink(phone, stage, "this");
  await phone.reach("phone-open");
  await phone.page.getByText(tier.notOpened[phone.locale]).click();
  await phone.sees(tier.notInstalled);
  await phone.picture("phone-open-help");
  const links = await followLinks(phone, visitor);
  assert.ok(links.some((link) => link.endsWith("/install/android")));
  await phone.press(tierPhrases.openApp(APP_NAME));
  await phone.reach("app-not-installed");
  await phone.page.goBack();
  await phone.reach("phone-waiting", "phone-open");
  await phone.page.goForward();
  await phone.reach("app-not-installed");
  await phone.press(app.installDo);
  await takeOver(phone);
  await phone.reach("app-unlock");
});

journey("revocation cannot be asked about: the proof is kept, and no PIN is typed again", async (cast) => {
  const { stage } = cast;
  await stage.musubid.restart({ revocation_mode: "OCSP_ONLY" });
  const resume = await stage.pause("OCSP responder");
  try {
    const pc = await cast.person("pc", "ja");
    const phone = await cast.person("phone", "ja");
    await chooseCard(phone, stage, stage.world.card("card"));
    await beginLink(pc, stage, "other");
    await scan(pc, phone);
    await pair(pc, phone);
    await startCard(phone);
    await readCard(phone);
    await phone.reach("app-proof-kept");
    await pc.reach("pc-progress");
    await resume();
    // musubid asks a responder that failed again after a while.
    await stage.musubid.advance(60);
    await phone.press(app.tryAgain);
    await phone.reach("app-consent");
  } finally {
    await resume();
    await stage.musubid.restart();
  }
});

journey("I did not start this: said at consent, too, and the PC is told", async (cast) => {
  const { stage } = cast;
  const pc = await cast.person("pc", "en");
  const phone = await cast.person("phone", "en");
  await chooseCard(phone, stage, stage.world.card("card"));
  await beginLink(pc, stage, "other");
  await scan(pc, phone);
  await pair(pc, phone);
  await startCard(phone);
  await readCard(phone);
  await phone.reach("app-consent");
  await phone.press(app.notMe);
  await phone.reach("app-not-me");
  await phone.press(app.notMeDo);
  await phone.reach("app-over-not-me");
  await pc.reach("journey-cancelled");
  await pc.sees(adviceForCancel(CancelReason.NOT_ME).title);
  await pc.picture("journey-cancelled-not-me");
});

journey("the tier ends and starts under a waiting PC, which goes on by itself", async (cast) => {
  const { stage } = cast;
  const pc = await cast.person("pc", "ja");
  const phone = await cast.person("phone", "ja");
  await chooseCard(phone, stage, stage.world.card("card"));
  await beginLink(pc, stage, "other");
  await scan(pc, phone);
  await pair(pc, phone);
  await pc.reach("pc-progress");
  const resume = await stage.pause("tier");
  await pc.page.getByTestId("line-down").waitFor();
  await pc.picture("pc-progress-line-down");
  await resume();
  await pc.page.getByTestId("line-down").waitFor({ state: "detached" });
  await stage.crash("tier");
  await startCard(phone);
  await readCard(phone);
  await allow(phone);
  await phone.reach("app-done-pc");
  await pc.reach("link-decide");
  await pc.page.getByTestId("decline").click();
  await pc.reach("journey-cancelled");
});

journey("each link on the first page and at consent leads somewhere", async (cast) => {
  const { stage } = cast;
  const phone = await cast.person("phone", "ja");
  const visitor = await cast.person("phone", "ja");
  await chooseCard(phone, stage, stage.world.card("card"));
  await phone.page.goto(stage.origins.tier);
  await phone.reach("home");
  const first = await followLinks(phone, visitor);
  for (const end of ["/install/ios", "/install/android", "/phones", "/help"])
    assert.ok(
      first.some((link) => link.endsWith(end)),
      `${end} in ${first.join(" ")}`,
    );
  // A phone names itself; the way that fits it comes first, and the other one is there.
  const hint = await phone.page.evaluate(
    () => (navigator as Navigator & { userAgentData?: { mobile: boolean } }).userAgentData?.mobile,
  );
  assert.equal(hint, true);
  const ways = await phone.page
    .locator("[data-testid^=begin-]")
    .evaluateAll((all) => all.map((one) => one.dataset["testid"]));
  assert.deepEqual(ways, ["begin-this", "begin-other"]);

  await beginLink(phone, stage, "this");
  await phone.reach("phone-open");
  await followLinks(phone, visitor);
  await phone.press(tierPhrases.openApp(APP_NAME));
  await takeOver(phone);
  await startCard(phone);
  await followLinks(phone, visitor);
  await readCard(phone);
  await phone.reach("app-consent");
  const last = await followLinks(phone, visitor);
  for (const end of ["/policy", "/terms"])
    assert.ok(
      last.some((link) => link.endsWith(end)),
      `${end} in ${last.join(" ")}`,
    );
});
