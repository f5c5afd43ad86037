// What people do in a journey, step by step: the words on buttons come from the pages' own catalogues.
import { words as tier } from "../../app/text/journey.ts";
import { words as app } from "../../standin-app/text.ts";
import { AUTHENTICATION_PIN, CARD_INFO_PIN } from "../../stage/world.ts";
import type { Stage } from "../../stage/stage.ts";
import { PATIENCE_MS, type Person } from "./person.ts";
import { readQr } from "./qr.ts";

export const FIRST_ACCOUNT = "shiken-001";
export const SECOND_ACCOUNT = "shiken-002";
/** The demo identity provider shows it on its page. */
const SECOND_FACTOR = "246810";

export interface Pins {
  authentication: string;
  /** "same": by the button "same as before". */
  cardInfo: string;
}
const PINS: Pins = { authentication: AUTHENTICATION_PIN, cardInfo: CARD_INFO_PIN };

/** Opens the first page and begins LINK; signs in where that is asked for. */
export async function beginLink(
  person: Person,
  stage: Stage,
  way: "this" | "other",
  account = FIRST_ACCOUNT,
) {
  await person.page.goto(stage.origins.tier);
  await person.reach("home");
  await person.page.getByTestId(`begin-${way}`).click();
  await signIn(person, account);
}

/** At the demo identity provider, with its second factor if it is asked for. */
export async function signIn(person: Person, account = FIRST_ACCOUNT): Promise<void> {
  await person.reach("idp-login");
  await person.page.locator(`button[name=pick][value="${account}"]`).click();
  // A second factor only for acts that need one; what follows is the caller's business.
  await person.page.waitForFunction(() => document.body.dataset["state"] !== "idp-login");
  if ((await person.state()) !== "idp-second-factor") return;
  await person.reach("idp-second-factor");
  await person.page.locator("#code").fill(SECOND_FACTOR);
  await person.page.locator("form button.main").click();
}

/** Opens the app and gives it a card. */
export async function chooseCard(person: Person, stage: Stage, file: string): Promise<void> {
  await person.page.goto(stage.origins.app);
  await person.reach("app-home");
  await person.page.locator("#card-file").setInputFiles(file);
  await person.page.getByRole("heading", { name: app.homeTitle[person.locale] }).waitFor();
}

/** Holds the camera to the PC's screen until it finds the QR; where it is further down, the person scrolls. */
export async function lookAt(pc: Person): Promise<string> {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const url = readQr(await pc.page.screenshot({ fullPage: true }));
    if (url !== undefined) return url;
    if (limit.aborted) throw new Error(`no QR can be read in ${await pc.describe()}`);
  }
}

/** The phone scans what the PC shows, and takes over. */
export async function scan(pc: Person, phone: Person): Promise<void> {
  await pc.reach("pc-qr");
  await phone.page.goto(await lookAt(pc));
  await takeOver(phone);
}

/** "Take this over?", then "Did you start this?". */
export async function takeOver(phone: Person): Promise<void> {
  await phone.reach("app-opened");
  await phone.press(app.continue);
  await phone.reach("app-who");
  await phone.press(app.whoYes);
}

/** The 6 digits that the phone shows. */
export async function readCode(phone: Person): Promise<string> {
  await phone.reach("app-code");
  // As eyes see it: for ears the digits are there once more, one by one.
  const shown = phone.page.getByTestId("pairing-code").locator("[aria-hidden]");
  return (await shown.allInnerTexts()).join("");
}

export async function typeCode(pc: Person, code: string): Promise<void> {
  await pc.reach("pc-code");
  await pc.page.getByLabel(tier.codeLabel[pc.locale]).fill(code);
  await pc.press(tier.codeSend);
}

/** The code from the phone to the PC. */
export async function pair(pc: Person, phone: Person): Promise<void> {
  await typeCode(pc, await readCode(phone));
  await phone.reach("app-unlock");
}

/** From the locked phone to the first PIN. */
export async function startCard(phone: Person): Promise<void> {
  await phone.reach("app-unlock");
  await phone.press(app.unlockDo);
  await phone.reach("app-start");
  await phone.press(app.start);
}

export async function enterPin(phone: Person, state: "app-pin-1" | "app-pin-2", pin: string): Promise<void> {
  await phone.reach(state);
  if (pin === "same") return phone.press(app.pinSame);
  await phone.page.getByLabel(app.pinField[phone.locale]).fill(pin);
  await phone.press(app.next);
}

export async function readCard(phone: Person, pins: Pins = PINS): Promise<void> {
  await enterPin(phone, "app-pin-1", pins.authentication);
  await enterPin(phone, "app-pin-2", pins.cardInfo);
  await phone.reach("app-read-ready");
  await phone.press(app.readStart);
}

export async function allow(phone: Person): Promise<void> {
  await phone.reach("app-consent");
  await phone.press(app.allow);
}

/** Everything that the phone does with the card, from the lock to "Allow". */
export async function prove(phone: Person, pins: Pins = PINS): Promise<void> {
  await startCard(phone);
  await readCard(phone, pins);
  await allow(phone);
}
