// What a relying party does to learn, safely, whose card was there: opens a VERIFY journey for one browser,
// and believes an answer only if the same browser brings it back. Knows no HTML and no HTTP.
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Client, type Transport } from "@connectrpc/connect";

import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { Act, Flow, FlowPolicy, VerdictStatus } from "../gen/musubi/v1/common_pb.ts";
import { LinkEventType, LinkService, LinkState } from "../gen/musubi/v1/link_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import type { Clock } from "../shared/clock.ts";
import type { Language } from "../shared/language.ts";
import { sameSecret } from "../shared/secret.ts";

/** Fills with octets that nobody can guess. */
export type Random = (size: number) => Uint8Array;

export interface RecoveryDependencies {
  transport: Transport;
  clock: Clock;
  random: Random;
}

export interface RecoveryOptions {
  relyingPartyId: string;
  returnUri: string;
  /** The only origin that a start page may have. */
  tierOrigin: string;
}

/** Why there is no answer: a page for each. */
export type Refused =
  /** Nothing was begun in this browser, or too long ago. */
  | "NOTHING_BEGUN"
  /** The answer belongs to another browser, or to an earlier try of this one. */
  | "OTHER_BROWSER"
  /** The answer was used, or is older than a minute. */
  | "CODE_USED"
  | "CANCELLED"
  /** The card is linked to no account here. */
  | "NO_LINK"
  /** Nobody may recover across two devices now. */
  | "CROSS_DEVICE_SUSPENDED"
  /** Too many were begun. */
  | "TOO_MANY"
  /** The confirmation code was wrong too often. */
  | "STEP_UP_FAILED"
  /** Nothing that the person can change. */
  | "TROUBLE";

export type Stage =
  | { name: "AWAY" }
  /** The account is known, but the journey was one that can be relayed. */
  | { name: "STEP_UP"; found: Found; triesLeft: number }
  | { name: "FOUND"; found: Found }
  | { name: "DONE"; found: Found };

/** Whose card it was. */
export interface Found {
  issuer: string;
  subject: string;
  linkId: Uint8Array;
}

/** What this program remembers of one browser. In memory: a real one would use its own session store. */
interface Visit {
  id: string;
  until: number;
  state: string;
  sessionId: Uint8Array;
  /** The same for every try to redeem, so that a lost answer is given again. */
  requestId: Uint8Array;
  stage: Stage;
}

export interface LinkSummary {
  /** The beginning of the link's id, to tell links apart. */
  id: string;
  active: boolean;
  createdAt: Date | undefined;
  endedAt: Date | undefined;
}

export interface LinkView {
  links: LinkSummary[];
  events: { at: Date | undefined; what: "CREATED" | "ENDED" | "RESOLVED" | "CONFIRMED" | "OTHER" }[];
}

const VISIT_LIFETIME_MS = 30 * 60_000;
// Of a demo; the oldest make room.
const MAX_VISITS = 1_000;
const STEP_UP_TRIES = 3;
// Within what the services allow: DEADLINE_MISSING otherwise.
const CALL_TIMEOUT_MS = 5_000;

/** A refusal that has a page. */
export class Refusal extends Error {
  readonly reason: Refused;
  constructor(reason: Refused, options?: ErrorOptions) {
    super(reason, options);
    this.reason = reason;
  }
}

export class Recovery {
  readonly #sessions: Client<typeof SessionService>;
  readonly #links: Client<typeof LinkService>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: RecoveryOptions;
  readonly #visits = new Map<string, Visit>();

  constructor({ transport, clock, random }: RecoveryDependencies, options: RecoveryOptions) {
    this.#sessions = createClient(SessionService, transport);
    this.#links = createClient(LinkService, transport);
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
  }

  /** Opens a journey for a browser. What it began before is forgotten. */
  async begin(
    earlier: string | undefined,
    locale: Language,
  ): Promise<{ visit: string; lifetimeMs: number; startUrl: string }> {
    if (earlier !== undefined) this.#visits.delete(earlier);
    const state = this.#secret();
    const opened = await this.#call(() =>
      this.#sessions.createSession(
        {
          requestId: this.#random(16),
          relyingPartyId: this.#options.relyingPartyId,
          act: Act.VERIFY,
          flowPolicy: FlowPolicy.ANY,
          locale,
          state,
          returnUri: this.#options.returnUri,
        },
        { timeoutMs: CALL_TIMEOUT_MS },
      ),
    );
    const start = opened.entry.case === "start" ? opened.entry.value.startUrl : "";
    if (!URL.canParse(start) || new URL(start).origin !== this.#options.tierOrigin) {
      throw new Refusal("TROUBLE", { cause: new Error("the start page is not the tier's") });
    }
    const visit: Visit = {
      id: this.#secret(),
      until: this.#clock.now() + VISIT_LIFETIME_MS,
      state,
      sessionId: opened.sessionId,
      requestId: this.#random(16),
      stage: { name: "AWAY" },
    };
    this.#visits.set(visit.id, visit);
    for (const [id, { until }] of this.#visits) {
      if (until > this.#clock.now() && this.#visits.size <= MAX_VISITS) break;
      this.#visits.delete(id);
    }
    return { visit: visit.id, lifetimeMs: VISIT_LIFETIME_MS, startUrl: start };
  }

  /** The browser is back with state and result code. Coming back once more changes nothing. */
  async complete(id: string | undefined, state: string, code: string): Promise<Stage> {
    const visit = this.#visit(id);
    // The state is the proof that this browser began this journey: otherwise the victim of a sent link would
    // go on with the sender's card, or the sender with the victim's.
    if (!sameSecret(state, visit.state)) throw new Refusal("OTHER_BROWSER");
    if (visit.stage.name !== "AWAY") return visit.stage;
    const resultCode = Buffer.from(code, "base64url");
    if (resultCode.length !== 32) throw new Refusal("CODE_USED");
    const answer = await this.#call(() =>
      this.#links.resolveLink(
        { sessionId: visit.sessionId, requestId: visit.requestId, resultCode },
        { timeoutMs: CALL_TIMEOUT_MS },
      ),
    );
    if (
      answer.act !== Act.VERIFY ||
      answer.verdict?.status !== VerdictStatus.VALID ||
      answer.account === undefined
    ) {
      throw new Refusal("TROUBLE", { cause: new Error("the answer is no valid VERIFY") });
    }
    const { issuer, subject } = answer.account;
    const found: Found = { issuer, subject, linkId: answer.linkId };
    visit.stage =
      answer.flow === Flow.ONE_DEVICE
        ? { name: "FOUND", found }
        : { name: "STEP_UP", found, triesLeft: STEP_UP_TRIES };
    return visit.stage;
  }

  /** Where the browser stands. */
  stage(id: string | undefined): Stage {
    return this.#visit(id).stage;
  }

  /** The second proof after a journey across two devices. False: wrong, and another try is left. */
  stepUp(id: string | undefined, right: boolean): boolean {
    const visit = this.#visit(id);
    if (visit.stage.name !== "STEP_UP") throw new Refusal("NOTHING_BEGUN");
    const { found, triesLeft } = visit.stage;
    if (right) {
      visit.stage = { name: "FOUND", found };
      return true;
    }
    if (triesLeft <= 1) {
      this.#visits.delete(visit.id);
      throw new Refusal("STEP_UP_FAILED");
    }
    visit.stage = { name: "STEP_UP", found, triesLeft: triesLeft - 1 };
    return false;
  }

  /** The password is set (a pretence): once. */
  finish(id: string | undefined): void {
    const visit = this.#visit(id);
    if (visit.stage.name !== "FOUND") throw new Refusal("NOTHING_BEGUN");
    visit.stage = { name: "DONE", found: visit.stage.found };
  }

  /** What the link service tells this relying party about the account that was found: no name. */
  async links(id: string | undefined): Promise<LinkView> {
    const { stage } = this.#visit(id);
    if (stage.name !== "FOUND" && stage.name !== "DONE") throw new Refusal("NOTHING_BEGUN");
    const { issuer, subject, linkId } = stage.found;
    const account = { issuer, subject };
    const options = { timeoutMs: CALL_TIMEOUT_MS };
    const [{ links }, { events }] = await this.#call(() =>
      Promise.all([
        this.#links.listLinks({ account, includeEnded: true }, options),
        this.#links.listLinkEvents({ account, linkId }, options),
      ]),
    );
    return {
      links: links.map((link) => ({
        id: Buffer.from(link.linkId.subarray(0, 4)).toString("hex"),
        active: link.state === LinkState.ACTIVE,
        createdAt: link.createdAt && timestampDate(link.createdAt),
        endedAt: link.endedAt && timestampDate(link.endedAt),
      })),
      events: events.map(({ at, type }) => ({ at: at && timestampDate(at), what: eventName(type) })),
    };
  }

  #visit(id: string | undefined): Visit {
    const visit = id === undefined ? undefined : this.#visits.get(id);
    if (visit === undefined || visit.until <= this.#clock.now()) throw new Refusal("NOTHING_BEGUN");
    return visit;
  }

  async #call<T>(make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      throw new Refusal(refusedBecause(ConnectError.from(error)), { cause: error });
    }
  }

  #secret(): string {
    return Buffer.from(this.#random(32)).toString("base64url");
  }
}

function eventName(type: LinkEventType): LinkView["events"][number]["what"] {
  switch (type) {
    case LinkEventType.CREATED:
      return "CREATED";
    case LinkEventType.ENDED:
      return "ENDED";
    case LinkEventType.RESOLVED:
      return "RESOLVED";
    case LinkEventType.CONFIRMED:
      return "CONFIRMED";
    default:
      return "OTHER";
  }
}

function refusedBecause(error: ConnectError): Refused {
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === "musubi");
  switch (info?.reason) {
    case "RESULT_CODE_INVALID":
    case "SESSION_ALREADY_USED":
    case "SESSION_EXPIRED":
    case "SESSION_NOT_FOUND":
      return "CODE_USED";
    case "WRONG_STATE":
      return info.metadata["state"]?.endsWith("CANCELLED") === true ? "CANCELLED" : "CODE_USED";
    case "LINK_NOT_FOUND":
    case "LINK_ENDED":
      return "NO_LINK";
    case "CROSS_DEVICE_SUSPENDED":
      return "CROSS_DEVICE_SUSPENDED";
    case "RATE_LIMITED":
    case "OVERLOADED":
      return "TOO_MANY";
    default:
      return error.code === Code.ResourceExhausted ? "TOO_MANY" : "TROUBLE";
  }
}
