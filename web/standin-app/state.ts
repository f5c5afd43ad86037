// Where the app is, as data: what the screens draw, what the driver does next. Types and the first
// state; the moves are in flow.ts.
import type { Act, Flow, Verdict, VerdictReason } from "../gen/musubi/v1/common_pb.ts";
import type { CancelReason } from "../gen/musubi/v1/common_pb.ts";
import type { ReturnTicket } from "../gen/musubi/v1/pairing_pb.ts";
import type { ConsentRequest, SessionView } from "../gen/musubi/v1/session_pb.ts";
import type {
  GetChallengeResponse,
  GrantConsentResponse,
  SubmitProofResponse,
} from "../gen/musubi/v1/validation_pb.ts";
import type { CardRead, Pin, PinOutcome, Tries } from "./card.ts";
import type { Mismatch } from "./challenge.ts";
import type { Octets } from "./octets.ts";

/** What opened the app: the fragment of its URL. */
export type Link = { kind: "QR"; payload: string } | { kind: "HANDOFF"; sessionId: Octets; token: Octets };

/** A link and the claim key that the app made for it. Kept until the claim is answered, so that a reload repeats it. */
export interface Opening {
  link: Link;
  claimKey: Octets;
}

/** What survives a closed page, until the session is over. */
export interface Journey {
  sessionId: Octets;
  credential: Octets;
  act: Act;
  flow: Flow;
}

/** The 6 digits. In memory alone: a page that was closed asks for new ones. */
export interface Code {
  digits: string;
  /** Milliseconds since the epoch, as all instants here. */
  expiresAt: number;
}

export interface Card {
  id: string;
  label: string;
  tries: Tries;
}

/** How a journey ended without an outcome. */
export type Ending =
  /** By the person, here. */
  | "STOPPED"
  | "NOT_ME"
  | "WITHHELD"
  /** At the browser. */
  | "STOPPED_THERE"
  /** By the service. */
  | "ENDED_BY_SERVICE"
  | "EXPIRED"
  /** Too many wrong codes or proofs. */
  | "FAILED"
  /** The browser's QR code was refreshed: this phone is not the one that belongs to it any more. */
  | "REPLACED";

export type Screen =
  | { name: "LOADING" }
  /** Simulation: what a phone without the app would show. */
  | { name: "NOT_INSTALLED" }
  | { name: "HOME" }
  /** The cards that the app knows, and the switches of the simulation. */
  | { name: "CARDS" }
  | { name: "OPENED" }
  | { name: "LINK_DAMAGED" }
  | { name: "CLAIM_REFUSED"; reason: string }
  | { name: "WHO" }
  | { name: "CODE" }
  /** The app has no card yet; the session waits. */
  | { name: "SETUP" }
  | { name: "UNLOCK" }
  | { name: "START" }
  | { name: "PIN_1"; wrong: boolean }
  | { name: "PIN_2"; wrong: boolean }
  | { name: "READ_READY"; why: "FIRST" | "TOO_SLOW" | "AGAIN" }
  | { name: "READING" }
  | { name: "LIFTED" }
  | { name: "LOCKED"; pin: Pin }
  | { name: "SENDING" }
  /** Revocation could not be asked about; the proof is kept. */
  | { name: "PROOF_KEPT"; until: number }
  | { name: "VERDICT"; reason: VerdictReason; triesLeft: number }
  /** The challenge is for another origin, session, act or flow. */
  | { name: "REFUSED"; mismatch: Mismatch }
  | { name: "CONSENT"; changed: boolean }
  /** One device: the way back. `returnAt`: when the app goes by itself. */
  | { name: "RETURN"; returnAt: number | null; gone: boolean }
  | { name: "DONE_PC" }
  /** One device, and the browser has come back. */
  | { name: "DONE_BROWSER" }
  | { name: "OVER"; ending: Ending };

/** What the driver is to do. A repetition is the same task with the same key, and so the same request id. */
export type Task =
  | { do: "CLAIM"; opening: Opening }
  /** GetSession, and go where it says. `changed`: the consent text has changed. */
  | { do: "LOOK"; changed: boolean }
  | { do: "NEW_CODE" }
  | { do: "CHALLENGE"; then: "START" | "READ_READY" | "READ"; why: "FIRST" | "TOO_SLOW" | "AGAIN" }
  | {
      do: "READ";
      cardId: string;
      challenge: GetChallengeResponse;
      authentication: string;
      cardInfo: string | null;
    }
  /** `nonce` empty: the server keeps this proof. */
  | { do: "SUBMIT"; nonce: Uint8Array; proof: CardRead }
  | { do: "CONSENT"; consent: ConsentRequest }
  | { do: "NEW_TICKET"; thenOpen: boolean }
  | { do: "OPEN"; url: string }
  | { do: "CANCEL"; reason: CancelReason };

export interface Job {
  /** Answers to another job than the current one are of the past. */
  id: number;
  /** Of the request: repeated with the same key, it has the same request id. */
  key: number;
  task: Task;
}

/** A call that failed, and may be tried again. */
export interface Failure {
  /** ErrorReason without prefix, one of the tier's, or NETWORK. */
  reason: string;
  /** How long to wait, if the server said so. */
  retryAfterMs: number | null;
}

export interface State {
  /** The origin of the tier that the app is connected to: part of what the card signs. */
  origin: string;
  screen: Screen;
  dialog: "STOP" | "NOT_ME" | null;
  job: Job | null;
  /** What failed, over the screen; `job` is what to repeat. */
  trouble: { failure: Failure; job: Job } | null;
  nextId: number;
  /** The stream of the session is broken; the driver opens it again. */
  offline: boolean;
  /** Simulation: the app is installed. */
  installed: boolean;
  cards: readonly Card[];
  /** Which one the person holds to the phone. */
  cardId: string | null;
  opening: Opening | null;
  journey: Journey | null;
  /** The session accepts nothing any more, or this phone is out of it: nothing of it is kept. */
  over: boolean;
  view: SessionView | null;
  code: Code | null;
  unlocked: boolean;
  challenge: GetChallengeResponse | null;
  pins: Readonly<Record<Pin, string>>;
  proof: CardRead | null;
  verdict: Verdict | null;
  consent: ConsentRequest | null;
  ticket: ReturnTicket | null;
}

export type Event =
  | {
      type: "LOADED";
      cards: readonly Card[];
      installed: boolean;
      journey: Journey | null;
      opening: Opening | null;
      /** The page's address had a fragment that is no link. */
      damaged: boolean;
    }
  | { type: "LINK"; opening: Opening | null }
  | { type: "CARDS_CHANGED"; cards: readonly Card[] }
  | { type: "INSTALLED"; installed: boolean }
  // What the person presses.
  | { type: "CONTINUE" }
  | { type: "OPEN_CARDS" }
  | { type: "CLOSE" }
  | { type: "BACK" }
  | { type: "ASK_STOP" }
  | { type: "ASK_NOT_ME" }
  | { type: "GO_BACK" }
  | { type: "CONFIRM" }
  | { type: "NEW_CODE" }
  | { type: "TYPE_PIN"; pin: Pin; text: string }
  | { type: "SAME_PIN" }
  | { type: "CHOOSE_CARD"; id: string }
  | { type: "READ"; now: number }
  | { type: "LIFT" }
  | { type: "TRY_AGAIN"; now: number }
  | { type: "READ_AGAIN" }
  | { type: "ALLOW" }
  | { type: "STAY" }
  | { type: "RETURN"; now: number }
  // What the driver brings.
  | { type: "VIEW"; view: SessionView }
  | { type: "OFFLINE"; offline: boolean }
  /** The stream says that there is nothing to watch for this phone. */
  | { type: "LOST"; reason: "CREDENTIAL_INVALID" | "SESSION_NOT_FOUND" | "SESSION_EXPIRED" }
  | { type: "FAILED"; id: number; failure: Failure }
  | { type: "CLAIMED"; id: number; journey: Journey; code: Code | null }
  | { type: "LOOKED"; id: number; view: SessionView }
  | { type: "CODE"; id: number; code: Code }
  | { type: "CHALLENGE"; id: number; response: GetChallengeResponse }
  | {
      type: "CARD_READ";
      id: number;
      outcome: { kind: "READ"; read: CardRead } | Exclude<PinOutcome, { kind: "RIGHT" }>;
    }
  | { type: "SUBMITTED"; id: number; response: SubmitProofResponse }
  | { type: "GRANTED"; id: number; response: GrantConsentResponse; now: number }
  | { type: "TICKET"; id: number; ticket: ReturnTicket }
  | { type: "OPENED"; id: number }
  | { type: "CANCELLED"; id: number };

export function firstState(origin: string): State {
  return {
    origin,
    screen: { name: "LOADING" },
    dialog: null,
    job: null,
    trouble: null,
    nextId: 1,
    offline: false,
    installed: true,
    cards: [],
    cardId: null,
    opening: null,
    journey: null,
    over: false,
    view: null,
    code: null,
    unlocked: false,
    challenge: null,
    pins: { AUTHENTICATION: "", CARD_INFO: "" },
    proof: null,
    verdict: null,
    consent: null,
    ticket: null,
  };
}
