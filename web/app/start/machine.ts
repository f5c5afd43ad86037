// The way into a recovery (VERIFY): the relying party has sent the browser here with a start code. Opening the
// page makes nothing; a press claims the code, and then the person chooses where to go on. Pure.
import type { Problem } from "../../ui/problem.ts";
import { mayRetry } from "../account/reason.ts";
import type { FragmentCode } from "../account/fragment.ts";

/** Who asks, and for what may be gone on with. From the session, after the code was claimed. */
export interface Journey {
  sessionId: string;
  relyingParty: { ja: string; en: string };
  policyUrl: string;
  termsUrl: string;
  /** PC and phone together are allowed. */
  crossDevice: boolean;
}

export type State =
  /** Which session this browser has is being looked at. */
  | { kind: "loading"; code: FragmentCode | null }
  | { kind: "offered"; code: FragmentCode; trouble: Problem | null }
  | { kind: "claiming"; code: FragmentCode }
  | { kind: "looking"; sessionId: string; trouble: Problem | null }
  | { kind: "claimed"; journey: Journey }
  /** The code cannot be used (any more). */
  | { kind: "refused"; reason: string }
  /** Somebody has come here without a code. */
  | { kind: "no-code" };

export type Event =
  /** The VERIFY session of this browser, if it has one. */
  | { type: "known"; verifySession: string | null }
  | { type: "known-failed" }
  | { type: "begin" }
  | { type: "claimed" }
  | { type: "claim-failed"; problem: Problem }
  | { type: "session"; journey: Journey }
  | { type: "session-failed"; problem: Problem }
  | { type: "retry" };

export function begin(code: FragmentCode | null): State {
  return { kind: "loading", code };
}

/** An event that the state does not expect (a double press, a late answer) changes nothing. */
export function step(state: State, event: Event): State {
  switch (state.kind) {
    case "loading":
      if (event.type === "known") return afterKnown(state.code, event.verifySession);
      if (event.type === "known-failed") return afterKnown(state.code, null);
      return state;
    case "offered":
      return event.type === "begin" ? { kind: "claiming", code: state.code } : state;
    case "claiming":
      if (event.type === "claimed")
        return { kind: "looking", sessionId: state.code.sessionId, trouble: null };
      if (event.type !== "claim-failed") return state;
      if (mayRetry(event.problem.reason))
        return { kind: "offered", code: state.code, trouble: event.problem };
      // The session has gone on: with this very code, in another browser.
      return {
        kind: "refused",
        reason: event.problem.reason === "WRONG_STATE" ? "START_CODE_INVALID" : event.problem.reason,
      };
    case "looking":
      if (event.type === "session") return { kind: "claimed", journey: event.journey };
      if (event.type === "retry") return { ...state, trouble: null };
      if (event.type !== "session-failed") return state;
      return mayRetry(event.problem.reason)
        ? { ...state, trouble: event.problem }
        : { kind: "refused", reason: event.problem.reason };
    case "claimed":
    case "refused":
    case "no-code":
      return state;
  }
}

function afterKnown(code: FragmentCode | null, verifySession: string | null): State {
  // Reloaded, or the link opened again, after this browser has begun: the session is here already.
  if (verifySession !== null && (code === null || code.sessionId === verifySession)) {
    return { kind: "looking", sessionId: verifySession, trouble: null };
  }
  return code === null ? { kind: "no-code" } : { kind: "offered", code, trouble: null };
}

export type Want =
  | { key: "known"; call: "known" }
  | { key: "claim"; call: "claim"; code: FragmentCode }
  | { key: "session"; call: "session"; sessionId: string };

export function wants(state: State): Want[] {
  switch (state.kind) {
    case "loading":
      return [{ key: "known", call: "known" }];
    case "claiming":
      return [{ key: "claim", call: "claim", code: state.code }];
    case "looking":
      return state.trouble === null ? [{ key: "session", call: "session", sessionId: state.sessionId }] : [];
    default:
      return [];
  }
}

/** What is offered first. Both ways are always on the page; a guess about the device only orders them. */
export function firstWay(journey: Journey, onPhone: boolean): "here" | "qr" | "pc" {
  if (onPhone) return "here";
  return journey.crossDevice ? "pc" : "qr";
}

/** document.body.dataset.state: what tests and screenshots call it. */
export function nameOfState(state: State, onPhone: boolean): string {
  switch (state.kind) {
    case "claimed":
      return `start-${firstWay(state.journey, onPhone)}`;
    case "refused":
      return `start-refused-${state.reason}`;
    default:
      return `start-${state.kind}`;
  }
}
