// Pages that lie beside the way: come to without anything begun, come back to, left and found again.
import { phrases as tierPhrases, words as tier } from "../../app/text/journey.ts";
import { PAGES } from "../../shared/routes.ts";
import { words as app } from "../../standin-app/text.ts";
import { APP_NAME } from "../../stage/programs.ts";
import { Hands } from "../lib/hands.ts";
import { journey } from "../lib/journey.ts";
import {
  allow,
  beginLink,
  chooseCard,
  pair,
  prove,
  readCard,
  scan,
  signIn,
  startCard,
  takeOver,
} from "../lib/steps.ts";

journey("pages that somebody comes to with nothing in hand", async (cast) => {
  const { tier: origin, app: appOrigin } = cast.stage.origins;
  const pc = await cast.person("pc", "ja");
  await pc.page.goto(`${origin}/no-such-page`);
  // The tier's own page, without script, in both languages at once.
  await pc.page.getByRole("heading", { name: "このページはありません" }).waitFor();
  await pc.page.getByRole("heading", { name: "There is no such page" }).waitFor();
  await pc.page.goto(origin + PAGES.journey);
  await pc.reach("journey-none");
  await pc.page.goto(origin + PAGES.my);
  await pc.reach("my-signed-out");
  const phone = await cast.person("phone", "en");
  await phone.page.goto(origin + PAGES.start);
  await phone.reach("start-no-code");
  await phone.page.goto(origin + PAGES.return);
  await phone.reach("return-no-code");
  await phone.page.goto(`${appOrigin}/#h=cut-off`);
  await phone.reach("app-link-damaged");
});

journey("one phone: the page of the browser follows what the app does", async (cast) => {
  const { stage } = cast;
  const phone = await cast.person("phone", "ja");
  await chooseCard(phone, stage, stage.world.card("card"));
  await beginLink(phone, stage, "this");
  await phone.reach("phone-open");
  // The app on top, the browser's page below it.
  const browser = await phone.newTab();
  await browser.page.goto(stage.origins.tier + PAGES.journey);
  await browser.reach("phone-open");
  await phone.reach("journey-older-tab");
  const opened = browser.page.waitForURL((url) => url.origin === stage.origins.app);
  await browser.press(tierPhrases.openApp(APP_NAME));
  await opened;
  await takeOver(browser);
  await phone.press(tier.useThisTab);
  await phone.reach("phone-progress");
  await prove(browser);
  await browser.reach("app-return");
  await browser.press(app.returnStay);
  await phone.reach("phone-return");
  await browser.press(app.returnDo);
  await browser.reach("link-decide", "journey-resume");
});

journey("a decided journey, opened once more, says what became of it", async (cast) => {
  const { stage } = cast;
  const pc = await cast.person("pc", "en");
  const phone = await cast.person("phone", "en");
  await chooseCard(phone, stage, stage.world.card("card"));
  await beginLink(pc, stage, "other");
  await scan(pc, phone);
  await pair(pc, phone);
  await startCard(phone);
  await readCard(phone);
  await allow(phone);
  await pc.reach("link-decide");
  await pc.page.getByTestId("decide").click();
  await pc.reach("link-done-LINK");
  const again = await pc.newTab();
  await again.page.goto(stage.origins.tier + PAGES.journey);
  await again.reach("journey-used");
  await pc.page.goto(stage.origins.tier + PAGES.my);
  await pc.reach("my-hidden");
  await pc.page.getByTestId("show-information").click();
  await pc.reach("my-shown");
  await pc.page.goto(stage.origins.tier + PAGES.status);
  await pc.reach("status-linked");
  await pc.page.getByTestId("unlink-here").click();
  await pc.reach("status-unlink-asked", "status-unlink-sign-in");
  await pc.page.getByRole("dialog").getByTestId("dialog-confirm").click();
  if ((await pc.reach("status-unlinked", "idp-login")) === "status-unlinked") return;
  await signIn(pc);
  await pc.reach("status-unlink-asked");
  await pc.page.getByRole("dialog").getByTestId("dialog-confirm").click();
  await pc.reach("status-unlinked");
});

journey("another journey of the same browser ends this one, which says so", async (cast) => {
  const { stage } = cast;
  const pc = await cast.person("pc", "ja");
  await beginLink(pc, stage, "other");
  await pc.reach("pc-qr");
  const other = new Hands((await pc.newTab()).page, stage);
  await other.rest();
  await other.open();
  await pc.reach("journey-cancelled");
});

journey("the services do not answer: said, and one press goes on", async (cast) => {
  const { stage } = cast;
  const pc = await cast.person("pc", "en");
  await beginLink(pc, stage, "other");
  await pc.reach("pc-qr");
  const resume = await stage.pause("musubid");
  try {
    await pc.page.reload();
    await pc.reach("journey-unreachable");
  } finally {
    await resume();
  }
  await pc.press(tier.again);
  await pc.reach("journey-none", "journey-expired");
});
