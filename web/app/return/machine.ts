// Back from the app on the same phone: the app has opened this page with a return code. If this browser has the
// session, the return is completed; in another browser nothing is consumed, and the page says where to go.
// Pure.
import type { Problem } from "../../ui/problem.ts";
import { mayRetry } from "../account/reason.ts";
import type { FragmentCode } from "../account/fragment.ts";

export type Act = "LINK" | "UNLINK" | "VERIFY" | "REPLACE";

/** The session that this browser has. */
export interface Mine {
  sessionId: string;
  act: Act;
}

/** Where the browser goes on. */
export type Onward = "journey" | "result";

export type State =
  | { kind: "loading"; code: FragmentCode | null; trouble: Problem | null }
  | { kind: "completing"; mine: Mine; code: string }
  | { kind: "trouble"; mine: Mine; code: string; problem: Problem }
  | { kind: "going"; to: Onward }
  /** The session is not this browser's. */
  | { kind: "other-browser" }
  /** The code's time is over, or a newer one was made: the app makes a new one. */
  | { kind: "code-over" }
  | { kind: "refused"; reason: string }
  /** Somebody has come here without a code; `mine`: and has a session to go on with. */
  | { kind: "no-code"; mine: boolean };

export type Event =
  | { type: "known"; mine: Mine | null }
  | { type: "known-failed"; problem: Problem }
  | { type: "completed" }
  | { type: "failed"; problem: Problem }
  | { type: "retry" };

/** On the return page. */
export function begin(code: FragmentCode | null): State {
  return { kind: "loading", code, trouble: null };
}

/** An event that the state does not expect (a double press, a late answer) changes nothing. */
export function step(state: State, event: Event): State {
  switch (state.kind) {
    case "loading":
      if (event.type === "known") return afterKnown(state.code, event.mine);
      if (event.type === "known-failed") return { ...state, trouble: event.problem };
      return event.type === "retry" ? { ...state, trouble: null } : state;
    case "completing":
      if (event.type === "completed") return { kind: "going", to: onward(state.mine) };
      return event.type === "failed" ? afterFailure(state, event.problem) : state;
    case "trouble":
      return event.type === "retry" ? { kind: "completing", mine: state.mine, code: state.code } : state;
    default:
      return state;
  }
}

function afterKnown(code: FragmentCode | null, mine: Mine | null): State {
  if (code === null) return { kind: "no-code", mine: mine !== null };
  // The call is not even made for another browser's session: its code stays good.
  if (mine?.sessionId !== code.sessionId) return { kind: "other-browser" };
  return { kind: "completing", mine, code: code.code };
}

function onward(mine: Mine): Onward {
  return mine.act === "VERIFY" ? "result" : "journey";
}

function afterFailure(state: State & { kind: "completing" }, problem: Problem): State {
  switch (problem.reason) {
    case "RETURN_IN_OTHER_BROWSER":
    case "NO_SESSION":
    case "SESSION_REPLACED":
    case "CREDENTIAL_MISSING":
    case "CREDENTIAL_INVALID":
      return { kind: "other-browser" };
    case "RETURN_CODE_INVALID":
      return { kind: "code-over" };
    // Back already (another tab, a second press), or ended: the journey shows where it stands.
    case "WRONG_STATE":
    case "SESSION_EXPIRED":
    case "SESSION_NOT_FOUND":
    case "SESSION_ALREADY_USED":
      return { kind: "going", to: "journey" };
    default:
      return mayRetry(problem.reason)
        ? { kind: "trouble", mine: state.mine, code: state.code, problem }
        : { kind: "refused", reason: problem.reason };
  }
}

export type Want =
  | { key: "known"; call: "known" }
  | { key: "complete"; call: "complete"; sessionId: string; code: string }
  | { key: "go"; call: "go"; to: Onward };

export function wants(state: State): Want[] {
  switch (state.kind) {
    case "loading":
      return state.trouble === null ? [{ key: "known", call: "known" }] : [];
    case "completing":
      return [{ key: "complete", call: "complete", sessionId: state.mine.sessionId, code: state.code }];
    case "going":
      return [{ key: "go", call: "go", to: state.to }];
    default:
      return [];
  }
}

/** document.body.dataset.state: what tests and screenshots call it. */
export function nameOfState(state: State): string {
  return state.kind === "refused" ? `return-refused-${state.reason}` : `return-${state.kind}`;
}
