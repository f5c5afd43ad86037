// The moves of the app: (state, event) => state, pure. No DOM, no network, no clock, no randomness: an
// event brings the time it needs, and what is to be done is state.job, which the driver does.
//
// An event that does not fit the state changes nothing: a button pressed twice, an answer to a
// question that nobody asks any more.
import { timestampMs } from "@bufbuild/protobuf/wkt";

import {
  CancelReason,
  Flow,
  SessionState,
  VerdictReason,
  VerdictStatus,
} from "../gen/musubi/v1/common_pb.ts";
import type { ReturnTicket } from "../gen/musubi/v1/pairing_pb.ts";
import type { SessionView } from "../gen/musubi/v1/session_pb.ts";
import type { GetChallengeResponse, SubmitProofResponse } from "../gen/musubi/v1/validation_pb.ts";
import { isPin } from "./card.ts";
import { findMismatch } from "./challenge.ts";
import {
  begin,
  end,
  finish,
  FITS,
  go,
  IS_DONE,
  mayReadAgain,
  mayStop,
  nameRequested,
  NO_JOURNEY,
  NO_PINS,
  paired,
  repeat,
  route,
} from "./moves.ts";
import type { Ending, Event, Failure, Job, Opening, State, Task } from "./state.ts";

/** The app goes back to the browser by itself after this long. */
export const RETURN_AFTER_MS = 10_000;
/** A challenge or return code that ends sooner than this is replaced before it is used. */
export const MARGIN_MS = 15_000;

/** A view from the stream: where nothing is under way, it decides. */
function onView(before: State, view: SessionView): State {
  if (before.journey === null || before.over) return before;
  const state = { ...before, view, offline: false };
  const fits = FITS[state.screen.name];
  if (fits === undefined) return state;
  if (fits.includes(view.state)) {
    return view.state === SessionState.USED ? { ...state, over: true } : state;
  }
  const ended = [SessionState.CANCELLED, SessionState.EXPIRED, SessionState.FAILED] as SessionState[];
  // The answer to what is under way brings more than the view: consent, ticket, the verdict.
  const task = state.job?.task.do ?? state.trouble?.job.task.do;
  const answerComes = task === "SUBMIT" || task === "CONSENT" || task === "CANCEL";
  if (answerComes && !ended.includes(view.state)) return state;
  return route(state, view);
}

function onChallenge(state: State, response: GetChallengeResponse, task: Task & { do: "CHALLENGE" }): State {
  const { journey } = state;
  const challenge = response.challenge;
  if (journey === null || challenge === undefined) return state;
  const mismatch = findMismatch(challenge, { ...journey, origin: state.origin });
  if (mismatch !== null)
    return { ...go(state, { name: "REFUSED", mismatch }), pins: NO_PINS, challenge: null };
  const next = { ...state, challenge: response, proof: null };
  // What was shown before the first PIN must be what is signed.
  if (task.then === "START" || shown(state.challenge) !== shown(response)) return go(next, { name: "START" });
  const ready = go(next, { name: "READ_READY", why: task.why });
  return task.then === "READ" ? read(ready) : ready;
}

function shown(response: GetChallengeResponse | null): string {
  const challenge = response?.challenge;
  const display = response?.display;
  return JSON.stringify([
    challenge?.relyingPartyId,
    challenge?.requestedAttributes,
    challenge?.consentTextVersion,
    display?.relyingParty?.name,
    display?.purpose,
    display?.accountBound,
    display?.maskedAccountHint,
  ]);
}

function read(state: State): State {
  const { challenge, cardId, pins } = state;
  if (challenge === null || cardId === null) return state;
  const cardInfo = nameRequested(state) ? pins.CARD_INFO : null;
  const task: Task = { do: "READ", cardId, challenge, authentication: pins.AUTHENTICATION, cardInfo };
  return begin(go(state, { name: "READING" }), task);
}

function onCardRead(state: State, event: Event & { type: "CARD_READ" }): State {
  const { outcome } = event;
  const challenge = state.challenge?.challenge;
  if (challenge === undefined) return state;
  if (outcome.kind === "READ") {
    const proof = outcome.read;
    const sending = { ...go(state, { name: "SENDING" }), proof };
    return begin(sending, { do: "SUBMIT", nonce: challenge.nonce, proof });
  }
  const pins = { ...state.pins, [outcome.pin]: "" };
  if (outcome.kind === "LOCKED") return { ...go(state, { name: "LOCKED", pin: outcome.pin }), pins };
  const name = outcome.pin === "AUTHENTICATION" ? "PIN_1" : "PIN_2";
  return { ...go(state, { name, wrong: true }), pins };
}

function onSubmitted(state: State, response: SubmitProofResponse): State {
  const verdict = response.verdict ?? null;
  const next = { ...state, verdict };
  if (response.state === SessionState.FAILED) return end(next, "FAILED");
  if (verdict?.status === VerdictStatus.VALID && response.consent !== undefined) {
    const consent = response.consent;
    return { ...go(next, { name: "CONSENT", changed: false }), consent, pins: NO_PINS, proof: null };
  }
  if (verdict?.status === VerdictStatus.INDETERMINATE && response.proofKeptUntil !== undefined) {
    return go(next, { name: "PROOF_KEPT", until: timestampMs(response.proofKeptUntil) });
  }
  const reason = verdict?.reason ?? VerdictReason.UNSPECIFIED;
  return go(next, { name: "VERDICT", reason, triesLeft: response.proofTriesLeft });
}

/** Only the tier's own return page is ever opened. */
function mayOpen(state: State, ticket: ReturnTicket): boolean {
  return ticket.returnUrl.startsWith(`${state.origin}/`);
}

function onTicket(state: State, ticket: ReturnTicket, thenOpen: boolean): State {
  const next = { ...state, ticket, job: null };
  return thenOpen ? open(next, ticket) : next;
}

function open(state: State, ticket: ReturnTicket): State {
  if (!mayOpen(state, ticket)) return go(state, { name: "REFUSED", mismatch: "ORIGIN" });
  return begin(state, { do: "OPEN", url: ticket.returnUrl });
}

/** Refusals of a claim that no repetition helps; "scan again", "press again" or "start again" does. */
const CLAIM_REFUSALS = new Set([
  "QR_FRAME_INVALID",
  "QR_FRAME_STALE",
  "QR_FRAME_SUPERSEDED",
  "QR_PAGE_EXPIRED",
  "ALREADY_CLAIMED",
  "HANDOFF_INVALID",
  "CROSS_DEVICE_SUSPENDED",
  "SESSION_NOT_FOUND",
  "SESSION_EXPIRED",
  "WRONG_STATE",
  "FLOW_NOT_ALLOWED",
  "FIELD_INVALID",
]);

function onFailure(state: State, job: Job, failure: Failure): State {
  const { reason } = failure;
  const task = job.task;
  if (task.do === "CLAIM") {
    if (!CLAIM_REFUSALS.has(reason)) return { ...state, job: null, trouble: { failure, job } };
    return { ...go(state, { name: "CLAIM_REFUSED", reason }), opening: null };
  }
  switch (reason) {
    case "SESSION_NOT_FOUND":
    case "SESSION_EXPIRED":
      return end(state, "EXPIRED");
    case "CREDENTIAL_INVALID":
      return end(state, "REPLACED");
    case "WRONG_STATE":
      if (task.do !== "LOOK") return begin(state, { do: "LOOK", changed: false });
      break;
    case "CONSENT_TEXT_MISMATCH":
      return begin(state, { do: "LOOK", changed: true });
    case "CHALLENGE_INVALID":
    case "STORE_FAILED_OVER":
      // The nonce is void, the PINs are not.
      if (task.do !== "SUBMIT") break;
      return begin(state, { do: "CHALLENGE", then: "READ_READY", why: "TOO_SLOW" });
  }
  return { ...state, job: null, trouble: { failure, job } };
}

function onAnswer(state: State, event: Event & { id: number }): State {
  const { job } = state;
  if (job?.id !== event.id) return state;
  const { task } = job;
  switch (event.type) {
    case "FAILED":
      return onFailure(state, job, event.failure);
    case "CLAIMED":
      return {
        ...state,
        ...NO_JOURNEY,
        screen: { name: "WHO" },
        opening: null,
        journey: event.journey,
        code: event.code,
      };
    case "LOOKED":
      return route({ ...state, view: event.view, job: null }, event.view, task.do === "LOOK" && task.changed);
    case "CODE":
      return { ...state, code: event.code, job: null };
    case "CHALLENGE":
      return task.do === "CHALLENGE" ? onChallenge(state, event.response, task) : state;
    case "CARD_READ":
      return onCardRead(state, event);
    case "SUBMITTED":
      return onSubmitted(state, event.response);
    case "GRANTED": {
      const { ticket } = event.response;
      if (ticket === undefined) return finish(state, null);
      const returnAt = event.now + RETURN_AFTER_MS;
      return { ...go(state, { name: "RETURN", returnAt, gone: false }), consent: null, ticket };
    }
    case "TICKET":
      return onTicket(state, event.ticket, task.do === "NEW_TICKET" && task.thenOpen);
    case "OPENED":
      return { ...go(state, { name: "RETURN", returnAt: null, gone: true }), ticket: null };
    case "CANCELLED": {
      if (task.do !== "CANCEL") return state;
      const endings: Partial<Record<CancelReason, Ending>> = {
        [CancelReason.NOT_ME]: "NOT_ME",
        [CancelReason.CONSENT_WITHHELD]: "WITHHELD",
      };
      return end(state, endings[task.reason] ?? "STOPPED");
    }
    default:
      return state;
  }
}

function opened(state: State, opening: Opening | null): State {
  if (opening === null) return go(state, { name: "LINK_DAMAGED" });
  const next = { ...state, opening, dialog: null };
  return go(next, state.installed ? { name: "OPENED" } : { name: "NOT_INSTALLED" });
}

/** Where the app is when no link has opened it: in the journey that it is in, or at home. */
function rest(state: State): State {
  if (state.journey === null || state.over) return { ...state, ...NO_JOURNEY, screen: { name: "HOME" } };
  return begin(go(state, { name: "LOADING" }), { do: "LOOK", changed: false });
}

function onContinue(state: State): State {
  if (state.job !== null) return state;
  switch (state.screen.name) {
    case "OPENED":
      return state.opening === null ? state : begin(state, { do: "CLAIM", opening: state.opening });
    case "WHO":
      if (state.view !== null) return route(state, state.view);
      return state.journey?.flow === Flow.CROSS_DEVICE ? go(state, { name: "CODE" }) : paired(state);
    case "SETUP":
      return state.cards.length === 0 ? state : paired(state);
    case "UNLOCK":
      return paired({ ...state, unlocked: true });
    case "START":
      return state.challenge === null ? state : go(state, { name: "PIN_1", wrong: false });
    case "PIN_1":
      if (!isPin(state.pins.AUTHENTICATION)) return state;
      return go(
        state,
        nameRequested(state) ? { name: "PIN_2", wrong: false } : { name: "READ_READY", why: "FIRST" },
      );
    case "PIN_2":
      return isPin(state.pins.CARD_INFO) ? go(state, { name: "READ_READY", why: "FIRST" }) : state;
    default:
      return state;
  }
}

function onBack(state: State): State {
  switch (state.screen.name) {
    case "PIN_1":
      return go(state, { name: "START" });
    case "PIN_2":
      return go(state, { name: "PIN_1", wrong: false });
    case "READ_READY":
    case "LIFTED":
      return go(state, { name: nameRequested(state) ? "PIN_2" : "PIN_1", wrong: false });
    default:
      return state;
  }
}

function onConfirm(state: State): State {
  const { dialog, screen } = state;
  if (dialog === null) return state;
  const next = { ...state, dialog: null };
  if (screen.name === "OPENED") return rest({ ...next, opening: null });
  let reason: CancelReason = CancelReason.USER_CANCELLED;
  if (dialog === "NOT_ME") reason = CancelReason.NOT_ME;
  else if (screen.name === "CONSENT") reason = CancelReason.CONSENT_WITHHELD;
  return begin(next, { do: "CANCEL", reason });
}

function onTryAgain(state: State, now: number): State {
  if (state.trouble !== null) return repeat(state, state.trouble.job);
  if (state.screen.name !== "PROOF_KEPT" || state.job !== null) return state;
  // A reading that is too late for the kept proof begins anew: card, not PINs.
  if (state.proof === null || now >= state.screen.until) {
    return begin(state, { do: "CHALLENGE", then: "READ_READY", why: "AGAIN" });
  }
  const sending = go(state, { name: "SENDING" });
  return begin(sending, { do: "SUBMIT", nonce: new Uint8Array(0), proof: state.proof });
}

function onReadAgain(state: State): State {
  const { screen } = state;
  if (state.job !== null) return state;
  if (screen.name === "LOCKED") return { ...go(state, { name: "PIN_1", wrong: false }), pins: NO_PINS };
  if (screen.name !== "VERDICT") return state;
  if (mayReadAgain(screen.reason)) return begin(state, { do: "CHALLENGE", then: "READ_READY", why: "AGAIN" });
  // Another card has other PINs.
  return begin({ ...state, pins: NO_PINS }, { do: "CHALLENGE", then: "START", why: "AGAIN" });
}

function onRead(state: State, now: number): State {
  const { challenge, screen } = state;
  if (state.job !== null || challenge === null || state.cardId === null) return state;
  if (screen.name !== "READ_READY" && screen.name !== "LIFTED") return state;
  const expiresAt = challenge.expiresAt === undefined ? 0 : timestampMs(challenge.expiresAt);
  if (now < expiresAt - MARGIN_MS) return read(state);
  return begin(state, { do: "CHALLENGE", then: "READ", why: "FIRST" });
}

function onReturn(state: State, now: number): State {
  const { screen, ticket } = state;
  if (screen.name !== "RETURN" || state.job !== null) return state;
  const at = { ...state, screen: { ...screen, returnAt: null } };
  const expiresAt = ticket?.expiresAt === undefined ? 0 : timestampMs(ticket.expiresAt);
  if (ticket === null || now >= expiresAt - MARGIN_MS) return begin(at, { do: "NEW_TICKET", thenOpen: true });
  return open(at, ticket);
}

function onCards(state: State, cards: State["cards"]): State {
  const known = cards.some((card) => card.id === state.cardId);
  const next = { ...state, cards, cardId: known ? state.cardId : (cards[0]?.id ?? null) };
  return state.screen.name === "SETUP" && cards.length > 0 ? paired(next) : next;
}

export function reduce(state: State, event: Event): State {
  if ("id" in event && event.type !== "CHOOSE_CARD") return onAnswer(state, event);
  switch (event.type) {
    case "LOADED": {
      const { installed, journey, opening } = event;
      const loaded = onCards({ ...state, installed, journey }, event.cards);
      if (event.damaged) return opened(loaded, null);
      return opening === null ? rest(loaded) : opened(loaded, opening);
    }
    case "LINK":
      return opened(state, event.opening);
    case "CARDS_CHANGED":
      return onCards(state, event.cards);
    case "INSTALLED": {
      const next = { ...state, installed: event.installed };
      if (state.screen.name !== "NOT_INSTALLED" || !event.installed) return next;
      return next.opening === null ? rest(next) : opened(next, next.opening);
    }
    case "CONTINUE":
      return onContinue(state);
    case "OPEN_CARDS":
      return state.screen.name === "HOME" ? go(state, { name: "CARDS" }) : state;
    case "CLOSE":
      return onClose(state);
    case "BACK":
      return onBack(state);
    case "ASK_STOP":
      return mayStop(state) ? { ...state, dialog: "STOP" } : state;
    case "ASK_NOT_ME":
      return mayStop(state) && state.journey !== null ? { ...state, dialog: "NOT_ME" } : state;
    case "GO_BACK":
      return { ...state, dialog: null };
    case "CONFIRM":
      return onConfirm(state);
    case "NEW_CODE":
      return state.screen.name === "CODE" && state.job === null ? begin(state, { do: "NEW_CODE" }) : state;
    case "TYPE_PIN":
      return {
        ...state,
        pins: { ...state.pins, [event.pin]: event.text.replaceAll(/[^0-9]/g, "").slice(0, 4) },
      };
    case "SAME_PIN":
      if (state.screen.name !== "PIN_2") return state;
      return onContinue({ ...state, pins: { ...state.pins, CARD_INFO: state.pins.AUTHENTICATION } });
    case "CHOOSE_CARD":
      return state.cards.some((card) => card.id === event.id) ? { ...state, cardId: event.id } : state;
    case "READ":
      return onRead(state, event.now);
    case "LIFT":
      // Before the PINs were looked at: nothing is lost.
      return state.screen.name === "READING" ? go(state, { name: "LIFTED" }) : state;
    case "TRY_AGAIN":
      return onTryAgain(state, event.now);
    case "READ_AGAIN":
      return onReadAgain(state);
    case "ALLOW":
      if (state.screen.name !== "CONSENT" || state.consent === null || state.job !== null) return state;
      return begin(state, { do: "CONSENT", consent: state.consent });
    case "STAY":
      return state.screen.name === "RETURN"
        ? { ...state, screen: { ...state.screen, returnAt: null } }
        : state;
    case "RETURN":
      return onReturn(state, event.now);
    case "VIEW":
      return onView(state, event.view);
    case "OFFLINE":
      return state.over ? state : { ...state, offline: event.offline };
    case "LOST":
      if (state.journey === null || state.over || FITS[state.screen.name] === undefined) return state;
      // What is done is done, also when the session is forgotten.
      if (IS_DONE.has(state.screen.name)) return { ...state, over: true };
      return end(state, event.reason === "CREDENTIAL_INVALID" ? "REPLACED" : "EXPIRED");
  }
}

function onClose(state: State): State {
  switch (state.screen.name) {
    case "CARDS":
    case "CLAIM_REFUSED":
    case "LINK_DAMAGED":
      return rest(state);
    case "DONE_PC":
    case "DONE_BROWSER":
    case "OVER":
      return { ...state, ...NO_JOURNEY, screen: { name: "HOME" } };
    default:
      return state;
  }
}
