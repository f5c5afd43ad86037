// The states that a whole run must meet, in both languages, each on the device where it belongs. By the
// types of the pages' own machines: a new state fails the type check until it is said here where it belongs.
import type { Screen as JourneyScreen } from "../../app/journey/machine.ts";
import type { DecisionAct, Over, SignInWhy, State as LinkState } from "../../app/link/machine.ts";
import type { State as MyState } from "../../app/my/machine.ts";
import type { State as ReturnState } from "../../app/return/machine.ts";
import type { State as StartState } from "../../app/start/machine.ts";
import type { Ending, Screen as AppScreen } from "../../standin-app/state.ts";

/** Devices, or why a run need not meet it. */
type Where = "pc" | "phone" | "both" | { not: string };

/** Drawn while an answer is awaited: gone before anybody can look. */
const PASSING = { not: "passes by itself" };
/** A real app opens beside the page of the browser; the stand-in takes its place. */
const BESIDE = { not: "only with an app that is no web page" };
const drawnAs = (what: string) => ({ not: `drawn as ${what}` });

const JOURNEY: Record<JourneyScreen, Where> = {
  "journey-loading": PASSING,
  "journey-none": "pc",
  "journey-unreachable": "pc",
  "journey-older-tab": "pc",
  "journey-replaced": "pc",
  "pc-qr": "pc",
  "pc-qr-over": "pc",
  "pc-code": "pc",
  "pc-progress": "pc",
  "phone-open": "phone",
  "phone-waiting": BESIDE,
  "phone-progress": "phone",
  "phone-return": "phone",
  "journey-resume": "pc",
  "journey-completing": PASSING,
  "journey-decide": drawnAs("link-…"),
  "journey-result": PASSING,
  "journey-used": "pc",
  "journey-cancelled": "pc",
  "journey-expired": "pc",
  "journey-failed": "pc",
};

const APP: Record<AppScreen["name"], Where> = {
  LOADING: PASSING,
  NOT_INSTALLED: "phone",
  HOME: "phone",
  CARDS: "phone",
  OPENED: "phone",
  LINK_DAMAGED: "phone",
  CLAIM_REFUSED: "phone",
  WHO: "phone",
  CODE: "phone",
  SETUP: "phone",
  UNLOCK: "phone",
  START: "phone",
  PIN_1: "phone",
  PIN_2: "phone",
  READ_READY: "phone",
  READING: PASSING,
  LIFTED: "phone",
  LOCKED: "phone",
  SENDING: PASSING,
  PROOF_KEPT: "phone",
  VERDICT: drawnAs("app-verdict-revoked, app-verdict-expired"),
  REFUSED: {
    not: "only if the tier hands out a challenge of another journey or origin, or another return page",
  },
  CONSENT: "phone",
  RETURN: "phone",
  DONE_PC: "phone",
  DONE_BROWSER: BESIDE,
  OVER: drawnAs("app-over-…"),
};

const ENDINGS: Record<Ending, Where> = {
  STOPPED: "phone",
  NOT_ME: "phone",
  WITHHELD: "phone",
  STOPPED_THERE: "phone",
  ENDED_BY_SERVICE: { not: "the services cancel nothing by themselves: they let it expire, or fail" },
  EXPIRED: "phone",
  FAILED: "phone",
  REPLACED: "phone",
};

const LINK: Record<LinkState["kind"], Where> = {
  loading: PASSING,
  "sign-in": drawnAs("link-sign-in-…"),
  binding: PASSING,
  decide: "both",
  committing: PASSING,
  declining: PASSING,
  done: drawnAs("link-done-…"),
  refused: drawnAs("link-refused-…"),
  over: drawnAs("link-over-…"),
};
const DONE: Record<DecisionAct, Where> = { LINK: "both", UNLINK: "pc", REPLACE: "pc" };
const SIGN_IN: Record<SignInWhy, Where> = {
  NOT_SIGNED_IN: "both",
  SIGN_IN_TOO_OLD: "pc",
  ACR_NOT_ACCEPTED: "pc",
  SIGN_IN_BEFORE_PAIRING: "pc",
  ACCOUNT_MISMATCH: "pc",
};
const OVER: Record<Over, Where> = {
  EXPIRED: "pc",
  CANCELLED_HERE: "pc",
  USED: "pc",
  REPLACED: "pc",
  LOST: "pc",
};

const MY: Record<MyState["kind"], Where> = {
  loading: PASSING,
  "signed-out": "pc",
  hidden: "pc",
  reading: PASSING,
  shown: "pc",
};
const START: Record<StartState["kind"], Where> = {
  loading: PASSING,
  offered: "both",
  claiming: PASSING,
  looking: PASSING,
  claimed: drawnAs("start-qr, start-here"),
  refused: drawnAs("start-refused-…"),
  "no-code": "phone",
};
const RETURN: Record<ReturnState["kind"], Where> = {
  loading: PASSING,
  completing: PASSING,
  trouble: "phone",
  going: PASSING,
  "other-browser": "phone",
  "code-over": "phone",
  refused: {
    not: "only if something strips the browser's own headers (CROSS_SITE), or the tier's release is another",
  },
  "no-code": "phone",
};

/** What has no type of its own. */
const REST: Record<string, Where> = {
  home: "both",
  "app-scan-FAILED": "phone",
  "app-scan-NO_QR": "phone",
  "app-stop": "phone",
  "app-not-me": "phone",
  "app-verdict-revoked": "phone",
  "app-verdict-expired": "phone",
  "link-refused-CARD_ALREADY_LINKED": "pc",
  "link-refused-ACCOUNT_ALREADY_LINKED": "pc",
  "link-done-LINK-undo-done": "pc",
  "status-signed-out": "pc",
  "status-linked": "pc",
  "status-linked-names": "pc",
  "start-qr": "pc",
  "start-here": "phone",
  "idp-login": "both",
  "rp-start": "both",
  "rp-password": "phone",
  "rp-done": "phone",
  "rp-refused-no-link": "phone",
};

function named(prefix: string, table: Record<string, Where>): [string, Where][] {
  return Object.entries(table).map(([name, where]) => [prefix + name, where]);
}

function appNames(prefix: string, table: Record<string, Where>): [string, Where][] {
  return Object.entries(table).map(([name, where]) => [
    prefix + name.toLowerCase().replaceAll("_", "-"),
    where,
  ]);
}

/** As pictures are called: `ja-pc-home`. */
export function statesToMeet(): string[] {
  const all = [
    ...named("", JOURNEY),
    ...appNames("app-", APP),
    ...appNames("app-over-", ENDINGS),
    ...named("link-", LINK),
    ...named("link-done-", DONE),
    ...named("link-sign-in-", SIGN_IN),
    ...named("link-over-", OVER),
    ...named("my-", MY),
    ...named("start-", START),
    ...named("return-", RETURN),
    ...named("", REST),
  ];
  return all.flatMap(([name, where]) => {
    if (typeof where !== "string") return [];
    const devices = where === "both" ? ["pc", "phone"] : [where];
    return devices.flatMap((device) => [`ja-${device}-${name}`, `en-${device}-${name}`]);
  });
}
