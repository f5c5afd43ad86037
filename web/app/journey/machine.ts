// The journey as this browser sees it: what is on the screen, what follows from what happens. Pure.
// The services' own state machine decides; this one only follows it, and never guesses ahead.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Act, Flow, FlowPolicy, SessionState } from "../../gen/musubi/v1/common_pb.ts";
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import type { BrowserState, SignInPurpose } from "../../shared/page.ts";
import { ENDPOINTS } from "../../shared/routes.ts";
import { isCode, normaliseCode } from "../../ui/code.ts";
import type { Step } from "../../ui/machine.tsx";
import { isPassing } from "../../ui/problem.ts";
import type { Problem } from "../../ui/problem.ts";
import type { Way } from "../memory.ts";

/** No second alarm about another phone within this time: people stop reading what is repeated. */
export const ALARM_PAUSE_MS = 10_000;

/** A QR code to show. */
export interface Frame {
  payload: string;
  generation: number;
  pageExpiresAt: number;
  refreshesLeft: number;
}

/** A call that the person waits for. One at a time. */
export type Work = "refresh" | "confirm" | "handoff" | "stop" | "complete" | "sign-in" | "begin";

export interface Journey {
  /** How this tab stands to its session. */
  at: "loading" | "none" | "unreachable" | "here" | "older-tab" | "replaced";
  view: SessionView | null;
  signedIn: BrowserState["signedIn"];
  /** Which device reads the card, as the person chose. */
  way: Way;
  /** What was pressed on the first page, if the sign-in for it did not come about. */
  press: { act: Act; way: Way } | null;
  /** READY: the person has been here all along, or has signed in since. */
  present: boolean;
  /** They have signed in since, and the credential of before is not replaced yet. */
  signedInSince: boolean;
  /** READY: CompleteReturn is done, for this document. */
  completed: boolean;
  frame: Frame | null;
  /** The QR page's time is over. */
  qrOver: boolean;
  /** The app was opened from here. */
  appOpened: boolean;
  work: Work | null;
  code: string;
  codeProblem: CodeProblem | null;
  problem: Problem | null;
  alarm: "none" | "shown" | "answered";
  alarmAt: number | null;
  /** The line to the tier: a stream does not come back. */
  down: boolean;
  /** The browser says that it has no network. */
  offline: boolean;
}

export type CodeProblem = "form" | "wrong" | "expired";

export type Event =
  | { type: "load" }
  | {
      type: "loaded";
      browser: BrowserState;
      view: SessionView | null;
      way: Way;
      press: { act: Act; way: Way } | null;
      present: boolean;
      /** They have signed in since this session asked for it: for this document. */
      signedInSince: boolean;
      /** Something went wrong on the way here (a sign-in). */
      error: string | null;
    }
  | { type: "not-loaded"; problem: Problem }
  | { type: "view"; view: SessionView }
  | { type: "frame"; frame: Frame }
  | { type: "stream-refused"; problem: Problem }
  | { type: "stream-down" }
  | { type: "stream-up" }
  | { type: "offline" }
  | { type: "online" }
  | { type: "other-tab" }
  /** The page is looked at again, or a time that the view names has come. */
  | { type: "look" }
  // Presses.
  | { type: "choose"; way: Way }
  | { type: "more-time" }
  | { type: "not-mine" }
  | { type: "carry-on" }
  | { type: "code-typed"; text: string }
  | { type: "code-sent" }
  | { type: "open-app" }
  | { type: "stop" }
  | { type: "sign-in" }
  | { type: "i-am-here" }
  | { type: "begin"; way: Way }
  | { type: "use-this-tab" }
  | { type: "again" }
  // Answers.
  | { type: "refreshed"; frame: Frame }
  | { type: "code-right" }
  | { type: "app-url"; url: string }
  | { type: "stopped" }
  | { type: "completed" }
  | { type: "begun" }
  | { type: "refused"; work: Work; problem: Problem };

export type Effect =
  | { do: "load" }
  | { do: "claim-tab" }
  | { do: "refresh-qr"; sessionId: Uint8Array }
  | { do: "confirm"; sessionId: Uint8Array; code: string }
  | { do: "hand-off"; sessionId: Uint8Array }
  | { do: "go"; url: string }
  | { do: "stop"; sessionId: Uint8Array }
  | { do: "complete"; sessionId: Uint8Array }
  /** BindAccount of the account that the session has: only for its new credential. */
  | { do: "renew"; sessionId: Uint8Array }
  | { do: "sign-in"; purpose: SignInPurpose; sessionId: Uint8Array }
  | { do: "begin"; act: Act; way: Way }
  | { do: "remember-way"; way: Way };

export const initial: Journey = {
  at: "loading",
  view: null,
  signedIn: null,
  way: "this",
  press: null,
  present: false,
  signedInSince: false,
  completed: false,
  frame: null,
  qrOver: false,
  appOpened: false,
  work: null,
  code: "",
  codeProblem: null,
  problem: null,
  alarm: "none",
  alarmAt: null,
  down: false,
  offline: false,
};

export type Screen =
  | "journey-loading"
  | "journey-none"
  | "journey-unreachable"
  | "journey-older-tab"
  | "journey-replaced"
  | "pc-qr"
  | "pc-qr-over"
  | "pc-code"
  | "pc-progress"
  | "phone-open"
  | "phone-waiting"
  | "phone-progress"
  | "phone-return"
  | "journey-resume"
  | "journey-completing"
  | "journey-decide"
  | "journey-result"
  | "journey-used"
  | "journey-cancelled"
  | "journey-expired"
  | "journey-failed";

/** On which device the card is read: what the session allows, else what the person chose. */
export function wayOf(journey: Journey): Way {
  const { view } = journey;
  if (view === null) return journey.way;
  if (view.flow === Flow.ONE_DEVICE || view.flowPolicy === FlowPolicy.ONE_DEVICE_ONLY) return "this";
  if (view.flow === Flow.CROSS_DEVICE || view.flowPolicy === FlowPolicy.CROSS_DEVICE_ONLY) return "other";
  return journey.way;
}

/** May the person still choose the device? */
export function mayChoose(journey: Journey): boolean {
  const { view } = journey;
  return (
    view !== null &&
    view.state === SessionState.CREATED &&
    view.flow === Flow.UNSPECIFIED &&
    view.flowPolicy === FlowPolicy.ANY
  );
}

/** The screen that a state is drawn as. */
export function screenOf(journey: Journey): Screen {
  switch (journey.at) {
    case "loading":
      return "journey-loading";
    case "none":
      return "journey-none";
    case "unreachable":
      return "journey-unreachable";
    case "older-tab":
      return "journey-older-tab";
    case "replaced":
      return "journey-replaced";
    case "here":
      return journey.view === null ? "journey-loading" : screenOfView(journey, journey.view);
  }
}

function screenOfView(journey: Journey, view: SessionView): Screen {
  switch (view.state) {
    case SessionState.CREATED:
      if (wayOf(journey) === "other") return journey.qrOver ? "pc-qr-over" : "pc-qr";
      return journey.appOpened ? "phone-waiting" : "phone-open";
    case SessionState.CLAIMED:
      return "pc-code";
    case SessionState.PAIRED:
    case SessionState.PROVEN:
      return view.flow === Flow.ONE_DEVICE ? "phone-progress" : "pc-progress";
    case SessionState.CONSENTED:
      return "phone-return";
    case SessionState.READY:
      if (!journey.present) return "journey-resume";
      if (view.act === Act.VERIFY) return journey.completed ? "journey-result" : "journey-completing";
      return journey.completed ? "journey-decide" : "journey-completing";
    case SessionState.USED:
      // Who has decided here sees the result where they decided.
      return journey.completed && view.act !== Act.VERIFY ? "journey-decide" : "journey-used";
    case SessionState.CANCELLED:
      return "journey-cancelled";
    case SessionState.EXPIRED:
      return "journey-expired";
    case SessionState.FAILED:
      return "journey-failed";
    default:
      return "journey-unreachable";
  }
}

/** May this state still change? */
export function isLive(view: SessionView): boolean {
  return (
    view.state !== SessionState.USED &&
    view.state !== SessionState.CANCELLED &&
    view.state !== SessionState.EXPIRED &&
    view.state !== SessionState.FAILED
  );
}

/** The streams that this state needs; each name is one stream, another name another one. */
export function streamsOf(journey: Journey): { session: string | null; frames: string | null } {
  const { view } = journey;
  if (journey.at !== "here" || view === null || !isLive(view)) return { session: null, frames: null };
  return {
    // CompleteReturn replaces the browser's credential: the stream begins anew after it.
    session: journey.work === "complete" ? null : journey.completed ? "completed" : "open",
    frames: screenOf(journey) === "pc-qr" ? `generation ${view.generation}` : null,
  };
}

/** When the session, or its READY, ends: the next moment to look again by ourselves. */
export function dueAt(journey: Journey): number | null {
  const { view } = journey;
  if (journey.at !== "here" || view === null || !isLive(view)) return null;
  const times = [view.expiresAt, view.readyUntil].flatMap((time) =>
    time === undefined ? [] : [timestampMs(time)],
  );
  return times.length === 0 ? null : Math.min(...times);
}

export function step(journey: Journey, event: Event, now: number): Step<Journey, Effect> {
  switch (event.type) {
    case "load":
      return [journey, { do: "load" }];
    case "loaded":
      return loaded(journey, event, now);
    case "not-loaded":
      return notLoaded(journey, event.problem);
    case "view":
      return journey.at === "here" ? see(journey, event.view, now) : [journey];
    case "frame":
      return [takeFrame(journey, event.frame)];
    case "stream-refused":
      return refusedStream(journey, event.problem);
    case "stream-down":
      // A QR code that does not change any more cannot be scanned for long.
      return [{ ...journey, down: true, frame: null }];
    case "stream-up":
      return [{ ...journey, down: false }];
    case "offline":
      return [{ ...journey, offline: true }];
    case "online":
      return [{ ...journey, offline: false }, ...(journey.at === "here" ? [{ do: "load" } as const] : [])];
    case "other-tab":
      return journey.at === "here" || journey.at === "loading"
        ? [{ ...journey, at: "older-tab", frame: null, work: null }]
        : [journey];
    case "look":
      return journey.at === "here" && journey.work === null ? [journey, { do: "load" }] : [journey];
    case "use-this-tab":
    case "again":
      return [{ ...journey, at: "loading", problem: null, work: null }, { do: "load" }];
    case "refused":
      return refusedWork(journey, event.work, event.problem);
    case "begun":
      // A new session: nothing of the old one stays.
      return [{ ...initial, way: journey.way, alarmAt: journey.alarmAt }, { do: "load" }];
    case "begin":
      return beginAgain(journey, event.way);
    default:
      return journey.at === "here" && journey.view !== null ? inSession(journey, event, now) : [journey];
  }
}

type InSession = Exclude<
  Event,
  {
    type:
      | "load"
      | "loaded"
      | "not-loaded"
      | "view"
      | "frame"
      | "stream-refused"
      | "stream-down"
      | "stream-up"
      | "offline"
      | "online"
      | "other-tab"
      | "look"
      | "use-this-tab"
      | "again"
      | "refused"
      | "begun"
      | "begin";
  }
>;

/** Presses and answers that make sense only while there is a session on the screen. */
function inSession(journey: Journey, event: InSession, now: number): Step<Journey, Effect> {
  switch (event.type) {
    case "choose":
      return mayChoose(journey)
        ? [
            { ...journey, way: event.way, problem: null },
            { do: "remember-way", way: event.way },
          ]
        : [journey];
    case "more-time":
      return refreshQr(journey);
    case "not-mine":
      return notMine(journey);
    case "carry-on":
      return [{ ...journey, alarm: "answered" }];
    case "code-typed":
      return [{ ...journey, code: event.text, codeProblem: null }];
    case "code-sent":
      return sendCode(journey);
    case "open-app":
      return press(journey, "handoff", (view) => ({ do: "hand-off", sessionId: view.sessionId }));
    case "stop":
      return press(journey, "stop", (view) => ({ do: "stop", sessionId: view.sessionId }));
    case "sign-in":
      return press(journey, "sign-in", (view) => ({
        do: "sign-in",
        purpose: "RESUME",
        sessionId: view.sessionId,
      }));
    case "i-am-here":
      // Who recovers an account cannot sign in to it: a press is all that can be asked for.
      return journey.view?.act === Act.VERIFY ? complete({ ...journey, present: true }) : [journey];
    case "refreshed":
      return [
        takeFrame({ ...done(journey, "refresh"), qrOver: false, alarm: "none" }, event.frame),
        { do: "load" },
      ];
    case "code-right":
      return [{ ...done(journey, "confirm"), code: "", codeProblem: null }, { do: "load" }];
    case "app-url":
      return [
        { ...done(journey, "handoff"), appOpened: true },
        { do: "go", url: event.url },
      ];
    case "stopped":
      return [done(journey, "stop"), { do: "load" }];
    case "completed":
      return completed(journey, now);
  }
}

function loaded(
  journey: Journey,
  event: Extract<Event, { type: "loaded" }>,
  now: number,
): Step<Journey, Effect> {
  const problem: Problem | null =
    event.error === null ? null : { reason: event.error, metadata: {}, retryAfterMs: null };
  const base = { ...journey, signedIn: event.browser.signedIn, press: event.press, down: false };
  if (journey.at === "older-tab" || journey.at === "replaced") return [base];
  if (event.view === null) {
    return [
      { ...base, at: "none", view: null, frame: null, work: null, problem: problem ?? journey.problem },
    ];
  }
  const other = journey.view !== null && !sameId(journey.view.sessionId, event.view.sessionId);
  if (journey.at === "here" && other) {
    // The cookie names another session by now: another tab has begun it.
    return [{ ...base, at: "replaced", frame: null, work: null }];
  }
  const fresh = journey.at !== "here";
  const next: Journey = {
    ...(other ? { ...initial, signedIn: base.signedIn } : base),
    at: "here",
    way: fresh ? event.way : journey.way,
    present: (!other && journey.present) || event.present,
    signedInSince: (!other && journey.signedInSince) || event.signedInSince,
    problem: problem ?? (fresh ? null : journey.problem),
  };
  const [after, ...effects] = see({ ...next, view: fresh ? null : next.view }, event.view, now);
  return [after, ...(fresh ? [{ do: "claim-tab" } as const] : []), ...effects];
}

function notLoaded(journey: Journey, problem: Problem): Step<Journey, Effect> {
  if (journey.at === "older-tab" || journey.at === "replaced") return [journey];
  if (isPassing(problem) && journey.at === "here") return [{ ...journey, down: true }];
  if (problem.reason === "SESSION_REPLACED" && journey.at === "here") {
    return [{ ...journey, at: "replaced", frame: null, work: null }];
  }
  if (isLost(problem)) return [{ ...journey, at: "none", view: null, frame: null, work: null, problem }];
  return [{ ...journey, at: "unreachable", frame: null, work: null, problem }];
}

/** A view has come: the session is what it says, whatever we thought. */
function see(journey: Journey, view: SessionView, now: number): Step<Journey, Effect> {
  const before = journey.view;
  const live = before !== null && before.state !== SessionState.READY && isLive(before);
  const claimed = view.state !== SessionState.CREATED;
  let next: Journey = { ...journey, view };
  if (before === null || before.generation !== view.generation) {
    next = { ...next, alarm: "none", code: "", codeProblem: null };
    if (before !== null) next = { ...next, frame: null, qrOver: false };
  }
  if (claimed) next = { ...next, frame: null, qrOver: false };
  if (view.state !== SessionState.CLAIMED) next = { ...next, code: "", codeProblem: null };
  else if (next.codeProblem === "expired" && isNewCode(before, view)) next = { ...next, codeProblem: null };
  if (before !== null && before.state !== view.state) next = { ...next, problem: null };
  if (!isLive(view)) next = { ...next, work: null };
  next = raiseAlarm(next, view, now);
  if (view.state === SessionState.READY && live) next = { ...next, present: true };
  if (view.state === SessionState.READY && next.present) return complete(next);
  return [next];
}

function isNewCode(before: SessionView | null, view: SessionView): boolean {
  return (
    before?.codeExpiresAt !== undefined &&
    view.codeExpiresAt !== undefined &&
    timestampMs(before.codeExpiresAt) !== timestampMs(view.codeExpiresAt)
  );
}

function raiseAlarm(journey: Journey, view: SessionView, now: number): Journey {
  if (!view.secondPhoneTried) return { ...journey, alarm: "none" };
  if (journey.alarm !== "none") return journey;
  if (journey.alarmAt !== null && now - journey.alarmAt < ALARM_PAUSE_MS) return journey;
  return { ...journey, alarm: "shown", alarmAt: now };
}

/** READY, and the person is here: the way back is completed, once. */
function complete(journey: Journey): Step<Journey, Effect> {
  const { view } = journey;
  if (view === null || journey.completed || journey.work !== null) return [journey];
  // It was refused: the person presses for another try.
  if (journey.problem !== null) return [journey];
  if (view.flow === Flow.ONE_DEVICE) {
    // The return page has done it: that is what made the session READY. What remains is that a sign-in
    // replaces the credential; where no account is named yet, the decision does that when it names this one.
    if (!journey.signedInSince || !view.accountBound) return [{ ...journey, completed: true }];
    return [
      { ...journey, work: "complete", problem: null },
      { do: "renew", sessionId: view.sessionId },
    ];
  }
  return [
    { ...journey, work: "complete", problem: null },
    { do: "complete", sessionId: view.sessionId },
  ];
}

function completed(journey: Journey, now: number): Step<Journey, Effect> {
  if (journey.work !== "complete") return [journey];
  const next = { ...done(journey, "complete"), completed: true, signedInSince: false };
  if (next.view?.act === Act.VERIFY) return [next, { do: "go", url: ENDPOINTS.result }];
  return next.view === null ? [next] : see(next, next.view, now);
}

function takeFrame(journey: Journey, frame: Frame): Journey {
  const { view } = journey;
  // A frame that was on its way when the phone came, or of a pairing that is over.
  if (journey.at !== "here" || view === null) return journey;
  if (view.state !== SessionState.CREATED || frame.generation < view.generation) return journey;
  return { ...journey, frame, qrOver: false };
}

function refreshQr(journey: Journey): Step<Journey, Effect> {
  return press(journey, "refresh", (view) => ({ do: "refresh-qr", sessionId: view.sessionId }));
}

/** "The first phone was not mine": its pairing is void. Where that is not possible any more, all is. */
function notMine(journey: Journey): Step<Journey, Effect> {
  const { view } = journey;
  if (view === null) return [journey];
  const pairing =
    view.state === SessionState.CREATED ||
    view.state === SessionState.CLAIMED ||
    view.state === SessionState.PAIRED;
  if (pairing && view.qrRefreshesLeft > 0) return refreshQr(journey);
  return press(journey, "stop", () => ({ do: "stop", sessionId: view.sessionId }));
}

function sendCode(journey: Journey): Step<Journey, Effect> {
  const code = normaliseCode(journey.code);
  if (!isCode(code)) return [{ ...journey, codeProblem: "form" }];
  return press({ ...journey, codeProblem: null }, "confirm", (view) => ({
    do: "confirm",
    sessionId: view.sessionId,
    code,
  }));
}

/** The act of the journey that is over, or of the press whose sign-in did not come about. */
function beginAgain(journey: Journey, way: Way): Step<Journey, Effect> {
  const act = journey.view?.act ?? journey.press?.act;
  if (journey.work !== null || act === undefined) return [journey];
  return [
    { ...journey, work: "begin", problem: null },
    { do: "begin", act, way },
  ];
}

/** Begins a piece of work, unless one is going on. */
function press(journey: Journey, work: Work, effect: (view: SessionView) => Effect): Step<Journey, Effect> {
  if (journey.work !== null || journey.view === null) return [journey];
  return [{ ...journey, work, problem: null }, effect(journey.view)];
}

function done(journey: Journey, work: Work): Journey {
  return journey.work === work ? { ...journey, work: null } : journey;
}

/** The session is not this browser's (any more). */
function isLost(problem: Problem): boolean {
  return ["NO_SESSION", "CREDENTIAL_MISSING", "CREDENTIAL_INVALID", "SESSION_NOT_FOUND"].includes(
    problem.reason,
  );
}

function refusedStream(journey: Journey, problem: Problem): Step<Journey, Effect> {
  if (journey.at !== "here") return [journey];
  switch (problem.reason) {
    case "QR_PAGE_EXPIRED":
      return [{ ...journey, frame: null, qrOver: true }];
    case "SESSION_REPLACED":
      return [{ ...journey, at: "replaced", frame: null, work: null }];
    default:
      // Whatever it is, GetSession knows where the session stands.
      return [{ ...journey, frame: null }, { do: "load" }];
  }
}

function refusedWork(journey: Journey, work: Work, problem: Problem): Step<Journey, Effect> {
  const next = done(journey, work);
  if (journey.at === "older-tab" || journey.at === "replaced") return [next];
  switch (problem.reason) {
    case "SESSION_REPLACED":
      return [{ ...next, at: "replaced", frame: null }];
    case "PAIRING_CODE_WRONG":
      return [
        { ...next, code: "", codeProblem: "wrong", view: withTries(next.view, problem) },
        { do: "load" },
      ];
    case "PAIRING_CODE_EXPIRED":
      return [{ ...next, code: "", codeProblem: "expired" }];
    case "FIELD_INVALID":
      return work === "confirm" ? [{ ...next, codeProblem: "form" }] : [{ ...next, problem }];
    case "WRONG_STATE":
      if (work === "complete") return [{ ...next, problem }];
      return work === "begin" ? [{ ...next, problem }] : [next, { do: "load" }];
    case "SESSION_EXPIRED":
    case "SESSION_ALREADY_USED":
    case "FLOW_NOT_ALLOWED":
      // Something has happened that we have not seen yet: look, instead of quarrelling.
      return work === "begin" ? [{ ...next, problem }] : [next, { do: "load" }];
    case "QR_PAGE_EXPIRED":
      return [{ ...next, frame: null, qrOver: true }];
    default:
      if (isLost(problem) && work !== "begin") return [{ ...next, problem }, { do: "load" }];
      return [{ ...next, problem }];
  }
}

/** The tries that a refusal names, before the next view does. */
function withTries(view: SessionView | null, problem: Problem): SessionView | null {
  const tries = Number(problem.metadata["tries_left"] ?? NaN);
  return view === null || !Number.isInteger(tries) ? view : { ...view, codeTriesLeft: tries };
}

function sameId(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}
