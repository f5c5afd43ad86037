// The moves that the flow is made of: to another screen, to a task, to the end, and to where the session
// is. Pure, as all of the flow (flow.ts).
import { CancelReason, Flow, Party, SessionState, VerdictReason } from "../gen/musubi/v1/common_pb.ts";
import type { SessionView } from "../gen/musubi/v1/session_pb.ts";
import { asksForName } from "./challenge.ts";
import type { Ending, Job, Screen, State, Task } from "./state.ts";

/** A card that was not read well may be held to the phone again; any other needs another card. */
const READ_AGAIN: readonly VerdictReason[] = [
  VerdictReason.MALFORMED,
  VerdictReason.BAD_ISSUER_SIGNATURE,
  VerdictReason.POSSESSION_FAILED,
  VerdictReason.NAME_STATEMENT_INVALID,
  VerdictReason.NAME_STATEMENT_MISMATCH,
  VerdictReason.REVOCATION_UNAVAILABLE,
  VerdictReason.NOT_YET_VALID,
];

export function mayReadAgain(reason: VerdictReason): boolean {
  return READ_AGAIN.includes(reason);
}

/** Which states of the session a screen is for; a view in another one moves the app on. */
export const FITS: Partial<Record<Screen["name"], readonly SessionState[]>> = {
  WHO: [SessionState.CLAIMED, SessionState.PAIRED],
  CODE: [SessionState.CLAIMED],
  SETUP: [SessionState.PAIRED],
  UNLOCK: [SessionState.PAIRED],
  START: [SessionState.PAIRED],
  PIN_1: [SessionState.PAIRED],
  PIN_2: [SessionState.PAIRED],
  READ_READY: [SessionState.PAIRED],
  READING: [SessionState.PAIRED],
  LIFTED: [SessionState.PAIRED],
  LOCKED: [SessionState.PAIRED],
  SENDING: [SessionState.PAIRED],
  PROOF_KEPT: [SessionState.PAIRED],
  VERDICT: [SessionState.PAIRED],
  REFUSED: [SessionState.PAIRED],
  CONSENT: [SessionState.PROVEN],
  RETURN: [SessionState.CONSENTED],
  DONE_PC: [SessionState.READY, SessionState.USED],
  DONE_BROWSER: [SessionState.READY, SessionState.USED],
};

export const IS_DONE = new Set<Screen["name"]>(["DONE_PC", "DONE_BROWSER"]);

/** Whether "Stop" has something to stop. */
export function mayStop(state: State): boolean {
  const { name } = state.screen;
  return name === "OPENED" || (FITS[name] !== undefined && !IS_DONE.has(name));
}

export function nameRequested(state: State): boolean {
  return state.challenge?.challenge !== undefined && asksForName(state.challenge.challenge);
}

export const NO_PINS = { AUTHENTICATION: "", CARD_INFO: "" };

/** Everything of a journey forgotten, for the next one. */
export const NO_JOURNEY = {
  dialog: null,
  job: null,
  trouble: null,
  offline: false,
  journey: null,
  over: false,
  view: null,
  code: null,
  unlocked: false,
  challenge: null,
  pins: NO_PINS,
  proof: null,
  verdict: null,
  consent: null,
  ticket: null,
} satisfies Partial<State>;

export function go(state: State, screen: Screen): State {
  return { ...state, screen, job: null, trouble: null };
}

/** Begins a task under a key of its own. */
export function begin(state: State, task: Task): State {
  const id = state.nextId;
  return { ...state, trouble: null, job: { id, key: id, task }, nextId: id + 1 };
}

/** The same request once more: another job, the same key. */
export function repeat(state: State, job: Job): State {
  const id = state.nextId;
  return { ...state, trouble: null, job: { ...job, id }, nextId: id + 1 };
}

export function end(state: State, ending: Ending): State {
  const { view, verdict, journey } = state;
  return {
    ...go(state, { name: "OVER", ending }),
    ...{ dialog: null, over: true, offline: false, code: null, challenge: null, pins: NO_PINS },
    ...{ proof: null, consent: null, ticket: null, view, verdict: view?.verdict ?? verdict, journey },
  };
}

export function finish(state: State, view: SessionView | null): State {
  const flow = state.journey?.flow;
  const done = go(state, { name: flow === Flow.ONE_DEVICE ? "DONE_BROWSER" : "DONE_PC" });
  const over = view?.state === SessionState.USED;
  return { ...done, dialog: null, over, pins: NO_PINS, proof: null, consent: null, ticket: null };
}

function endingOf(view: SessionView): Ending {
  if (view.state === SessionState.EXPIRED) return "EXPIRED";
  if (view.state === SessionState.FAILED) return "FAILED";
  if (view.end?.by === Party.BROWSER) return "STOPPED_THERE";
  if (view.end?.by !== Party.DEVICE) return "ENDED_BY_SERVICE";
  if (view.end.reason === CancelReason.NOT_ME) return "NOT_ME";
  return view.end.reason === CancelReason.CONSENT_WITHHELD ? "WITHHELD" : "STOPPED";
}

/** Browser and phone belong together: what the app itself needs comes first. */
export function paired(state: State): State {
  if (state.cards.length === 0) return go(state, { name: "SETUP" });
  if (!state.unlocked) return go(state, { name: "UNLOCK" });
  return begin(go(state, { name: "START" }), { do: "CHALLENGE", then: "START", why: "FIRST" });
}

/** Where a session in this state is gone on with, knowing nothing else. */
export function route(state: State, view: SessionView, changed = false): State {
  switch (view.state) {
    case SessionState.CLAIMED: {
      const at = go(state, { name: "CODE" });
      return state.code === null ? begin(at, { do: "NEW_CODE" }) : at;
    }
    case SessionState.PAIRED:
      return paired(state);
    case SessionState.PROVEN: {
      const consent = view.consent ?? state.consent;
      return { ...go(state, { name: "CONSENT", changed }), consent, pins: NO_PINS, proof: null };
    }
    case SessionState.CONSENTED: {
      const at = go(state, { name: "RETURN", returnAt: null, gone: false });
      return state.ticket === null ? begin(at, { do: "NEW_TICKET", thenOpen: false }) : at;
    }
    case SessionState.READY:
    case SessionState.USED:
      return finish(state, view);
    case SessionState.CANCELLED:
    case SessionState.EXPIRED:
    case SessionState.FAILED:
      return end(state, endingOf(view));
    default:
      return end(state, "REPLACED");
  }
}
