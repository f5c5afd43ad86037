// The decision: what happens between READY and a link that is made, ended or replaced. Pure: no call, no
// clock, no DOM. What a state waits for, `wants` says.
import type { Problem } from "../../ui/problem.ts";
import type { Reason } from "../account/reason.ts";
import type { CardLink, FlowName } from "../account/links.ts";
import type { Me } from "../account/me.ts";

export type DecisionAct = "LINK" | "UNLINK" | "REPLACE";

/** What is known of the journey; the same from READY to the end. */
export interface Facts {
  /** base64url. */
  sessionId: string;
  act: DecisionAct;
  flow: FlowName | null;
  /** The account that the journey is for, as in "sh***"; empty if unknown. */
  accountHint: string;
  /** An account is bound: false only where the card came first and nobody has signed in. */
  bound: boolean;
  /** The name on the card, which its owner agreed to give; empty if none. */
  cardName: string;
  /** When the card was read and found good. */
  provenAt: number | null;
  /** Until when the decision can be made. */
  readyUntil: number | null;
}

/** Why a sign-in is needed before the decision. */
export type SignInWhy =
  "NOT_SIGNED_IN" | "SIGN_IN_TOO_OLD" | "ACR_NOT_ACCEPTED" | "SIGN_IN_BEFORE_PAIRING" | "ACCOUNT_MISMATCH";

/** How a journey ends without the decision, as far as this page is what notices it: where a stream tells the
 *  journey first, that says it. */
export type Over = "EXPIRED" | "CANCELLED_HERE" | "USED" | "REPLACED" | "LOST";

/** Was the session used before this page was opened: by a decision of this tab, or elsewhere? */
export type Used = "no" | "by-this-tab" | "elsewhere";

export type State =
  /** Who is signed in is being asked. */
  | { kind: "loading"; facts: Facts; used: Used; trouble: Problem | null }
  | { kind: "sign-in"; facts: Facts; why: SignInWhy; pressed: boolean; trouble: Problem | null }
  | { kind: "binding"; facts: Facts; me: Me; trouble: Problem | null }
  | { kind: "decide"; facts: Facts; me: Me; trouble: Problem | null }
  | { kind: "committing"; facts: Facts; me: Me }
  | { kind: "declining"; facts: Facts; me: Me | null }
  | { kind: "done"; facts: Facts; me: Me; link: CardLink; undo: Undo }
  | { kind: "refused"; facts: Facts; me: Me; reason: string }
  | { kind: "over"; facts: Facts; why: Over };

/** Unlinking at hand, after a link was made. */
export type Undo =
  | { step: "offered" }
  | { step: "asked" }
  | { step: "working" }
  | { step: "failed"; trouble: Problem }
  | { step: "done" };

export type Event =
  | { type: "known"; me: Me | null }
  | { type: "known-failed"; problem: Problem }
  | { type: "sign-in" }
  | { type: "sign-in-failed"; problem: Problem }
  | { type: "bound" }
  | { type: "bind-failed"; problem: Problem }
  | { type: "decide" }
  | { type: "retry" }
  | { type: "committed"; link: CardLink }
  | { type: "commit-failed"; problem: Problem }
  | { type: "decline" }
  | { type: "declined" }
  | { type: "decline-failed"; problem: Problem }
  /** The session was used: here, or in another tab. */
  | { type: "used" }
  | { type: "time-up" }
  | { type: "undo" }
  | { type: "undo-no" }
  | { type: "undo-yes" }
  | { type: "undone" }
  | { type: "undo-failed"; problem: Problem };

export type Call = "known" | "sign-in" | "bind" | "commit" | "cancel" | "undo";

/** A call that a state waits for. It is made when its key appears. */
export interface Want {
  key: string;
  call: Call;
}

export function begin(facts: Facts, used: Used): State {
  return { kind: "loading", facts, used, trouble: null };
}

function afterKnown({ facts, used }: State & { kind: "loading" }, me: Me | null): State {
  // A reload after the press: the same request gets the same answer, and makes nothing again.
  if (used === "by-this-tab" && me !== null) return { kind: "committing", facts, me };
  if (used !== "no") return { kind: "over", facts, why: "USED" };
  if (me === null) return { kind: "sign-in", facts, why: "NOT_SIGNED_IN", pressed: false, trouble: null };
  if (!facts.bound) return { kind: "binding", facts, me, trouble: null };
  return { kind: "decide", facts, me, trouble: null };
}

/** What a reason means for the decision. */
type Meaning = "retry" | "sign-in" | "bind" | "refused" | "over";

const MEANINGS: Record<Reason, Meaning> = {
  // Nothing was decided; the same request id is sent again.
  INTERNAL: "retry",
  UNAVAILABLE: "retry",
  OVERLOADED: "retry",
  STORE_FAILED_OVER: "retry",
  RATE_LIMITED: "retry",
  REPLICA_BEHIND: "retry",
  NETWORK: "retry",
  DRAINING: "retry",
  TOO_MANY_REQUESTS: "retry",
  SIGN_IN_FAILED: "retry",
  CROSS_DEVICE_SUSPENDED: "retry",
  // The person must sign in (again).
  NOT_SIGNED_IN: "sign-in",
  SIGN_IN_TOO_OLD: "sign-in",
  ACR_NOT_ACCEPTED: "sign-in",
  SIGN_IN_BEFORE_PAIRING: "sign-in",
  ACCOUNT_MISMATCH: "sign-in",
  SIGN_IN_CANCELLED: "sign-in",
  SIGN_IN_MISMATCH: "sign-in",
  ACCOUNT_NOT_BOUND: "bind",
  // The answer is no.
  CARD_ALREADY_LINKED: "refused",
  ACCOUNT_ALREADY_LINKED: "refused",
  LINK_CARD_MISMATCH: "refused",
  LINK_NOT_FOUND: "refused",
  LINK_ENDED: "refused",
  ACCOUNT_ALREADY_BOUND: "refused",
  RELYING_PARTY_UNKNOWN: "refused",
  RELYING_PARTY_MISMATCH: "refused",
  ACT_NOT_ALLOWED: "refused",
  FLOW_NOT_ALLOWED: "refused",
  NOT_SUPPORTED: "refused",
  ROLE_NOT_ALLOWED: "refused",
  CALLER_UNAUTHENTICATED: "refused",
  DEADLINE_MISSING: "refused",
  REQUEST_TOO_LARGE: "refused",
  FIELD_INVALID: "refused",
  FIELD_NOT_ALLOWED: "refused",
  REQUEST_ID_REUSED: "refused",
  CROSS_SITE: "refused",
  MY_NUMBER_PRESENT: "refused",
  // There is no journey any more that could be decided.
  SESSION_NOT_FOUND: "over",
  SESSION_EXPIRED: "over",
  SESSION_ALREADY_USED: "over",
  WRONG_STATE: "over",
  CREDENTIAL_MISSING: "over",
  CREDENTIAL_INVALID: "over",
  NO_SESSION: "over",
  SESSION_REPLACED: "over",
  // Of other steps; if one came here all the same, starting again helps.
  START_CODE_INVALID: "refused",
  QR_FRAME_INVALID: "refused",
  QR_FRAME_STALE: "refused",
  QR_FRAME_SUPERSEDED: "refused",
  QR_PAGE_EXPIRED: "refused",
  ALREADY_CLAIMED: "refused",
  QR_REFRESHES_EXHAUSTED: "refused",
  PAIRING_CODE_WRONG: "refused",
  PAIRING_CODE_EXPIRED: "refused",
  HANDOFF_INVALID: "refused",
  RETURN_CODE_INVALID: "refused",
  RETURN_IN_OTHER_BROWSER: "refused",
  CHALLENGE_INVALID: "refused",
  CONSENT_TEXT_MISMATCH: "refused",
  RESULT_CODE_INVALID: "refused",
};

/** A reason that this page does not know (a newer server) is a refusal. */
function meaningOf(reason: string): Meaning {
  return Object.hasOwn(MEANINGS, reason) ? MEANINGS[reason as Reason] : "refused";
}

function whyOver(reason: string): Over {
  switch (reason) {
    case "SESSION_EXPIRED":
      return "EXPIRED";
    case "SESSION_ALREADY_USED":
      return "USED";
    case "SESSION_REPLACED":
      return "REPLACED";
    default:
      return "LOST";
  }
}

function whySignIn(reason: string): SignInWhy {
  switch (reason) {
    case "SIGN_IN_TOO_OLD":
    case "ACR_NOT_ACCEPTED":
    case "SIGN_IN_BEFORE_PAIRING":
    case "ACCOUNT_MISMATCH":
      return reason;
    default:
      return "NOT_SIGNED_IN";
  }
}

/** After a call about the session failed: where `again` stands for trying the same once more. */
function afterFailure(facts: Facts, me: Me, problem: Problem, again: State): State {
  switch (meaningOf(problem.reason)) {
    case "retry":
      return again;
    case "sign-in":
      return { kind: "sign-in", facts, why: whySignIn(problem.reason), pressed: false, trouble: null };
    case "bind":
      // Once: a server that says so after we have bound is not asked in a circle.
      return facts.bound
        ? { kind: "refused", facts, me, reason: problem.reason }
        : { kind: "binding", facts, me, trouble: null };
    case "refused":
      return { kind: "refused", facts, me, reason: problem.reason };
    case "over":
      return { kind: "over", facts, why: whyOver(problem.reason) };
  }
}

/** An event that the state does not expect (a double press, a late answer) changes nothing. */
export function step(state: State, event: Event): State {
  if (event.type === "used") return afterEnd(state, "USED");
  if (event.type === "time-up") return afterEnd(state, "EXPIRED");
  switch (state.kind) {
    case "loading":
      if (event.type === "known") return afterKnown(state, event.me);
      if (event.type === "known-failed") return { ...state, trouble: event.problem };
      return event.type === "retry" ? { ...state, trouble: null } : state;
    case "sign-in":
      if (event.type === "sign-in" && !state.pressed) return { ...state, pressed: true, trouble: null };
      if (event.type === "sign-in-failed") return { ...state, pressed: false, trouble: event.problem };
      if (event.type === "decline") return { kind: "declining", facts: state.facts, me: null };
      return state;
    case "binding":
      if (event.type === "bound") return { ...state, kind: "decide", facts: { ...state.facts, bound: true } };
      if (event.type === "bind-failed") {
        return afterFailure(state.facts, state.me, event.problem, { ...state, trouble: event.problem });
      }
      if (event.type === "retry") return { ...state, trouble: null };
      return state;
    case "decide":
      if (event.type === "decide") return { kind: "committing", facts: state.facts, me: state.me };
      if (event.type === "decline") return { kind: "declining", facts: state.facts, me: state.me };
      return state;
    case "committing": {
      const { facts, me } = state;
      if (event.type === "committed") {
        return { kind: "done", facts, me, link: event.link, undo: { step: "offered" } };
      }
      if (event.type === "commit-failed") {
        return afterFailure(facts, me, event.problem, { kind: "decide", facts, me, trouble: event.problem });
      }
      return state;
    }
    case "declining": {
      const { facts, me } = state;
      if (event.type === "declined") return { kind: "over", facts, why: "CANCELLED_HERE" };
      if (event.type === "decline-failed") {
        return me === null
          ? { kind: "sign-in", facts, why: "NOT_SIGNED_IN", pressed: false, trouble: event.problem }
          : { kind: "decide", facts, me, trouble: event.problem };
      }
      return state;
    }
    case "done":
      return { ...state, undo: stepUndo(state.undo, event) };
    case "refused":
    case "over":
      return state;
  }
}

function stepUndo(undo: Undo, event: Event): Undo {
  switch (undo.step) {
    case "offered":
      return event.type === "undo" ? { step: "asked" } : undo;
    case "asked":
    case "failed":
      if (event.type === "undo-yes") return { step: "working" };
      if (event.type === "undo-no") return { step: "offered" };
      return undo;
    case "working":
      if (event.type === "undone") return { step: "done" };
      // Someone has ended it meanwhile: that is what was wanted.
      if (event.type === "undo-failed" && event.problem.reason === "LINK_ENDED") return { step: "done" };
      if (event.type === "undo-failed") return { step: "failed", trouble: event.problem };
      return undo;
    case "done":
      return undo;
  }
}

/** The journey has ended elsewhere. What is under way or decided here is not overtaken by that. */
function afterEnd(state: State, why: Over): State {
  switch (state.kind) {
    case "loading":
      return state.used === "no" ? { kind: "over", facts: state.facts, why } : state;
    case "committing":
    case "declining":
    case "done":
    case "refused":
    case "over":
      return state;
    default:
      return { kind: "over", facts: state.facts, why };
  }
}

export function wants(state: State): Want[] {
  const call = callOf(state);
  return call === null ? [] : [{ key: call, call }];
}

function callOf(state: State): Call | null {
  switch (state.kind) {
    case "loading":
      return state.trouble === null ? "known" : null;
    case "sign-in":
      return state.pressed ? "sign-in" : null;
    case "binding":
      return state.trouble === null ? "bind" : null;
    case "committing":
      return "commit";
    case "declining":
      return "cancel";
    case "done":
      return state.undo.step === "working" ? "undo" : null;
    default:
      return null;
  }
}

/** What can be done after the end, as buttons; the first is the one that helps most people. */
export type NextStep = "status" | "replace" | "link" | "again" | "other-account" | "help";

const NEXT_AFTER_REFUSAL: Record<string, Record<DecisionAct, NextStep[]>> = {
  CARD_ALREADY_LINKED: {
    LINK: ["other-account", "help"],
    REPLACE: ["other-account", "help"],
    UNLINK: ["status", "help"],
  },
  ACCOUNT_ALREADY_LINKED: {
    LINK: ["replace", "status"],
    REPLACE: ["status", "help"],
    UNLINK: ["status", "help"],
  },
  LINK_CARD_MISMATCH: { LINK: ["again", "help"], REPLACE: ["again", "help"], UNLINK: ["again", "status"] },
  LINK_NOT_FOUND: { LINK: ["again", "help"], REPLACE: ["link", "status"], UNLINK: ["status"] },
  LINK_ENDED: { LINK: ["again"], REPLACE: ["link", "status"], UNLINK: ["status"] },
};

/** Next steps after a refusal; acts that the service does not offer are left out. */
export function nextSteps(reason: string, act: DecisionAct, offered: readonly DecisionAct[]): NextStep[] {
  const steps = NEXT_AFTER_REFUSAL[reason]?.[act] ?? ["again", "help"];
  return steps.filter((next) => {
    if (next === "replace") return offered.includes("REPLACE");
    if (next === "link") return offered.includes("LINK");
    return true;
  });
}

/** document.body.dataset.state: what tests and screenshots call it. */
export function nameOfState(state: State): string {
  switch (state.kind) {
    case "sign-in":
      return `link-sign-in-${state.why}`;
    case "done":
      return `link-done-${state.facts.act}${state.undo.step === "offered" ? "" : `-undo-${state.undo.step}`}`;
    case "refused":
      return `link-refused-${state.reason}`;
    case "over":
      return `link-over-${state.why}`;
    default:
      return `link-${state.kind}`;
  }
}
