// The decision, and the way back to it, when something comes between: the sign-in does not serve any more,
// another tab was faster, the line carries no streams, the time is over. Each page says what goes on, and it
// does. Nothing here stays linked.
import assert from "node:assert/strict";
import { words as shared } from "../../app/account/text.ts";
import { words as decision } from "../../app/link/text.ts";
import { words as back } from "../../app/return/text.ts";
import { phrases as tierPhrases, words as tier } from "../../app/text/journey.ts";
import { COOKIES } from "../../server/cookies.ts";
import { PAGES } from "../../shared/routes.ts";
import { ACR, APP_NAME } from "../../stage/programs.ts";
import type { Stage } from "../../stage/stage.ts";
import { words as app } from "../../standin-app/text.ts";
import type { Cast } from "../lib/cast.ts";
import { Hands, requestId } from "../lib/hands.ts";
import { journey } from "../lib/journey.ts";
import type { Person, Words } from "../lib/person.ts";
import { Phone } from "../lib/phone.ts";
import { Seals } from "../lib/seals.ts";
import {
  beginLink,
  chooseCard,
  FIRST_ACCOUNT,
  lookAt,
  prove,
  SECOND_ACCOUNT,
  signIn,
  takeOver,
  typeCode,
} from "../lib/steps.ts";

const WATCH_SESSION = "**/musubi.v1.SessionService/WatchSession";
const COMPLETE_RETURN = "**/musubi.v1.PairingService/CompleteReturn";

/** From the QR to the end of the phone's part, with a phone that needs no pages. */
async function readCard(pc: Person, stage: Stage, beforeConsent?: () => Promise<unknown>): Promise<void> {
  await pc.reach("pc-qr");
  const phone = new Phone(stage);
  await phone.scan(new URL(await lookAt(pc)).hash.slice("#q=".length));
  await typeCode(pc, phone.code);
  await pc.reach("pc-progress");
  const asked = await phone.prove(stage.world.card("card"));
  await beforeConsent?.();
  await phone.consent(asked);
  await pc.reach("link-decide");
}

const decide = (person: Person) => person.page.getByTestId("decide").click();

/** Links, and undoes it. */
async function linkAndUndo(person: Person): Promise<void> {
  await decide(person);
  await person.reach("link-done-LINK");
  await person.page.getByTestId("undo").click();
  await person.page.getByRole("dialog").getByTestId("dialog-confirm").click();
  await person.reach("link-done-LINK-undo-done");
}

/** Strangers type wrong codes, until the services are on their guard. */
async function raiseAlert(cast: Cast, pc: Person): Promise<void> {
  const stranger = await cast.person("pc", "en");
  const signedIn = (await pc.context.cookies(cast.stage.origins.tier)).filter(
    ({ name }) => name === COOKIES.signIn.name,
  );
  await stranger.context.addCookies(signedIn);
  const hands = new Hands(stranger.page, cast.stage);
  await hands.rest();
  for (let session = 0; session < 2; ++session) {
    const sessionId = await hands.open();
    const phone = new Phone(cast.stage);
    await phone.scan(await hands.payload(sessionId));
    const pairingCode = phone.code === "000000" ? "000001" : "000000";
    for (let tries = 0; tries < 5; ++tries)
      await hands.call("PairingService/ConfirmCode", { sessionId, requestId: requestId(), pairingCode });
    assert.equal(await hands.sessionState(sessionId), "SESSION_STATE_FAILED");
  }
}

journey(
  "the sign-in does not serve for the decision: another one does, and no card is read again",
  async (cast) => {
    const { stage } = cast;
    const before = await stage.demand([ACR.mfa], { wrong_codes_alert: 10 });
    try {
      const pc = await cast.person("pc", "ja");
      const seals = new Seals(stage);
      const change = async (fields: { authTime?: number; acr?: string }) => {
        const value = await seals.read(pc.context, "signIn");
        assert.ok(value);
        await seals.put(pc.context, "signIn", { ...value, ...fields });
      };
      const meets = async (why: string, words: Words, account = FIRST_ACCOUNT) => {
        await decide(pc);
        await pc.reach(`link-sign-in-${why}`);
        await pc.sees(decision.beganWith("sh***"));
        await pc.press(words);
        await signIn(pc, account);
        await pc.reach("link-decide");
      };
      await beginLink(pc, stage, "other");
      await readCard(pc, stage);

      // Of before the pairing, while strangers try codes. And then it is not who began.
      await raiseAlert(cast, pc);
      await meets("SIGN_IN_BEFORE_PAIRING", shared.signInAgain, SECOND_ACCOUNT);
      await meets("ACCOUNT_MISMATCH", shared.signInAgain);
      // They went for a coffee.
      const { authTime = 0 } = (await seals.read(pc.context, "signIn")) ?? {};
      await change({ authTime: authTime - 660 });
      await meets("SIGN_IN_TOO_OLD", shared.signInAgain);
      // In another tab they have signed in to look at something, which needs no second factor.
      await change({ acr: ACR.password });
      await meets("ACR_NOT_ACCEPTED", shared.signInAgain);
      // They came back after lunch.
      await pc.context.clearCookies({ name: COOKIES.signIn.name });
      await meets("NOT_SIGNED_IN", shared.signIn);
      await linkAndUndo(pc);
    } finally {
      await before();
    }
  },
);

journey(
  "another tab was faster with the decision: the older one says so, and shows the link",
  async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", "en");
    await beginLink(pc, stage, "other");
    await readCard(pc, stage);
    const newer = await pc.newTab();
    await newer.page.goto(stage.origins.tier + PAGES.journey);
    await newer.reach("journey-resume");
    await pc.reach("journey-older-tab");
    await newer.press(tier.signIn);
    await signIn(newer);
    await newer.reach("link-decide");
    await decide(newer);
    await newer.reach("link-done-LINK");
    await pc.press(tier.useThisTab);
    await pc.reach("link-over-USED");
    await pc.follow(shared.status);
    await pc.reach("status-linked");
    await pc.page.getByTestId("unlink-here").click();
    await pc.reach("status-unlink-asked");
    await pc.page.getByRole("dialog").getByTestId("dialog-confirm").click();
    await pc.reach("status-unlinked");
  },
);

/** The university's account page leads into a recovery, in another tab of the same browser. */
async function beginRecovery(tab: Person, stage: Stage): Promise<void> {
  await tab.page.goto(stage.origins.account);
  await tab.reach("rp-start");
  await tab.page.getByTestId("rp-begin").click();
  await tab.reach("start-offered");
  await tab.page.getByTestId("begin").click();
  await tab.reach("start-qr");
}

journey(
  "time is over at the decision; and on a line without streams each press says what has become of it",
  async (cast) => {
    const { stage } = cast;
    const { musubid } = stage;
    const pc = await cast.person("pc", "en");
    const beginAgain = async () => {
      await pc.follow(decision.next.again);
      await pc.reach("home");
      // Not before: the first stream that comes through has the journey say it in its own words.
      await pc.page.unroute(WATCH_SESSION);
      await pc.page.getByTestId("begin-other").click();
      await pc.reach("pc-qr");
    };
    // Something between browser and tier lets calls through and no stream, from the consent on.
    const withoutStreams = async () => {
      await readCard(pc, stage, () => pc.page.route(WATCH_SESSION, (route) => route.abort()));
      await pc.page.getByTestId("line-down").waitFor();
    };

    await beginLink(pc, stage, "other");
    await readCard(pc, stage);
    await musubid.advance(301);
    await pc.reach("journey-expired");
    await pc.press(tier.startAgain);

    await withoutStreams();
    await musubid.advance(301);
    await decide(pc);
    await pc.reach("link-over-EXPIRED");
    await beginAgain();

    await withoutStreams();
    await musubid.restart();
    await decide(pc);
    await pc.reach("link-over-LOST");
    await beginAgain();

    await withoutStreams();
    await pc.page.getByTestId("decline").click();
    await pc.reach("link-over-CANCELLED_HERE");
    await beginAgain();

    await withoutStreams();
    const other = await pc.newTab();
    await beginRecovery(other, stage);
    await decide(pc);
    await pc.reach("link-over-REPLACED");
    await pc.press(decision.showNew);
    await pc.reach("phone-open");
    // And once more, noticed without a press on anything of the old one.
    await pc.page.getByTestId("line-down").waitFor();
    await beginRecovery(other, stage);
    await pc.press(tier.reconnect);
    await pc.reach("journey-replaced");
    await pc.press(tier.useNewOne);
    await pc.reach("phone-open");
  },
);

journey(
  "the way back to the browser is too old, or meets no network: the same card goes on",
  async (cast) => {
    const { stage } = cast;
    const phone = await cast.person("phone", "ja");
    await chooseCard(phone, stage, stage.world.card("card"));
    await beginLink(phone, stage, "this");
    await phone.reach("phone-open");
    await phone.press(tierPhrases.openApp(APP_NAME));
    await takeOver(phone);
    await prove(phone);
    await phone.reach("app-return");
    // The app's clock does not know.
    await stage.musubid.advance(61);
    await phone.press(app.returnDo);
    await phone.reach("return-code-over");
    await phone.press(back.journey);
    await phone.reach("phone-return");

    await phone.page.goto(stage.origins.app);
    await phone.reach("app-return");
    await phone.page.route(COMPLETE_RETURN, (route) => route.abort());
    await phone.press(app.returnDo);
    await phone.reach("return-trouble");
    await phone.page.unroute(COMPLETE_RETURN);
    await phone.press(shared.again);
    await phone.reach("link-decide");
    await linkAndUndo(phone);
  },
);
