// Does what the flow says is to be done: calls, the stream of the session, timers, what is kept. Holds the
// state and hands each event to the flow; decides nothing itself.
import { createClient } from "@connectrpc/connect";
import type { CallOptions, Transport } from "@connectrpc/connect";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Timestamp } from "@bufbuild/protobuf/wkt";

import { Flow, SessionState, SignatureAlgorithm } from "../gen/musubi/v1/common_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { ValidationService } from "../gen/musubi/v1/validation_pb.ts";
import type { Clock } from "../shared/clock.ts";
import { toBase64Url } from "../ui/bytes.ts";
import type { Store } from "../ui/machine.tsx";
import { problemOf, withRetry } from "../ui/problem.ts";
import type { Timer } from "../ui/timer.ts";
import { PIN_TRIES, parseCardFile, readCard } from "./card.ts";
import type { StoredCard } from "./card.ts";
import { challengeOctets } from "./challenge.ts";
import { reduce } from "./flow.ts";
import { parseLink } from "./link.ts";
import type { Octets } from "./octets.ts";
import { firstState } from "./state.ts";
import type { Card, Code, Event, Job, Journey, Opening, State, Task } from "./state.ts";
import type { AppStorage } from "./storage.ts";

/** How long a card must be held still. A real one takes about as long. */
export const READ_MS = 1200;
/** Pauses before the stream is opened again. */
const WATCH_PAUSES_MS = [500, 1000, 2000, 4000, 8000];

export interface Dependencies {
  /** Of the tier that the app is connected to; in what the card signs. */
  origin: string;
  /** Calls, each with a deadline. */
  transport: Transport;
  /** The stream of a session: no deadline, ended by the app. */
  streams: Transport;
  clock: Clock;
  timer: Timer;
  random: (size: number) => Octets;
  storage: AppStorage;
  /** Opens a page in the browser of the device. */
  open: (url: string) => void;
}

/** The stream that is open, or about to be. */
interface Watch {
  journey: Journey;
  abort: AbortController;
  /** Opens it anew at once. */
  renew: () => void;
}

const CLAIMS_NOTHING = new Set(["CREDENTIAL_INVALID", "SESSION_NOT_FOUND", "SESSION_EXPIRED"]);

const ENDED: readonly SessionState[] = [
  SessionState.USED,
  SessionState.CANCELLED,
  SessionState.EXPIRED,
  SessionState.FAILED,
];

export class App implements Store<State, Event> {
  readonly #with: Dependencies;
  readonly #session;
  readonly #streams;
  readonly #pairing;
  readonly #validation;
  readonly #listeners = new Set<() => void>();
  #state: State;
  #cards = new Map<string, StoredCard>();
  /** The id of the request that may have to be repeated. */
  #request: { key: number; id: Octets } | null = null;
  #watch: Watch | null = null;
  #goBack: { at: number; cancel: () => void } | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(dependencies: Dependencies) {
    this.#with = dependencies;
    this.#session = createClient(SessionService, dependencies.transport);
    this.#streams = createClient(SessionService, dependencies.streams);
    this.#pairing = createClient(PairingService, dependencies.transport);
    this.#validation = createClient(ValidationService, dependencies.transport);
    this.#state = firstState(dependencies.origin);
  }

  get state(): State {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  send(event: Event): void {
    const before = this.#state;
    this.#state = reduce(before, event);
    if (this.#state === before) return;
    this.#keep(before);
    for (const listener of [...this.#listeners]) listener();
    this.#follow(before);
  }

  /** Reads what the device keeps, and what opened the app: the fragment of its address, or "". */
  async start(fragment: string): Promise<void> {
    const kept = await this.#with.storage.load();
    this.#cards = new Map(kept.cards.map((card) => [card.id, card]));
    const link = fragment === "" ? null : this.#opening(fragment);
    this.send({
      type: "LOADED",
      cards: this.#shownCards(),
      installed: kept.installed,
      journey: kept.journey,
      opening: link ?? (fragment === "" ? kept.opening : null),
      damaged: fragment !== "" && link === null,
    });
  }

  /** Another link was opened while the app is open. */
  openLink(fragment: string): void {
    this.send({ type: "LINK", opening: this.#opening(fragment) });
  }

  /** Throws NotACard. The card's own counters are the first ones. */
  async addCard(label: string, file: string): Promise<void> {
    const { tries } = parseCardFile(file);
    const same = [...this.#cards.values()].find((card) => card.file === file);
    await this.#putCard(same ?? { id: toBase64Url(this.#with.random(16)), label, file, tries });
  }

  async removeCard(id: string): Promise<void> {
    await this.#with.storage.deleteCard(id);
    this.#cards.delete(id);
    this.send({ type: "CARDS_CHANGED", cards: this.#shownCards() });
  }

  /** As the municipality's counter does. */
  async resetCard(id: string): Promise<void> {
    const card = this.#cards.get(id);
    if (card === undefined) return;
    await this.#putCard({ ...card, tries: { AUTHENTICATION: PIN_TRIES, CARD_INFO: PIN_TRIES } });
  }

  /** Opens the stream anew at once: the one there may be dead without knowing it. */
  reconnect(): void {
    this.#watch?.renew();
  }

  /** The phone says that it has no network; the stream would notice much later. */
  disconnected(): void {
    this.send({ type: "OFFLINE", offline: true });
  }

  /** Ends stream and timers; for tests. */
  stop(): void {
    this.#watch?.abort.abort();
    this.#watch = null;
    this.#goBack?.cancel();
    this.#goBack = null;
  }

  /** What was written is written. */
  saved(): Promise<void> {
    return this.#saving;
  }

  #opening(fragment: string): Opening | null {
    const link = parseLink(fragment);
    return link === null ? null : { link, claimKey: this.#with.random(32) };
  }

  #shownCards(): Card[] {
    return [...this.#cards.values()].map(({ id, label, tries }) => ({ id, label, tries }));
  }

  async #putCard(card: StoredCard): Promise<void> {
    await this.#with.storage.putCard(card);
    this.#cards.set(card.id, card);
    this.send({ type: "CARDS_CHANGED", cards: this.#shownCards() });
  }

  /** Keeps what survives a closed page. */
  #keep(before: State): void {
    const { storage } = this.#with;
    const live = (state: State): Journey | null => (state.over ? null : state.journey);
    const [journey, opening, installed] = [live(this.#state), this.#state.opening, this.#state.installed];
    const save = (write: () => Promise<void>): void => {
      this.#saving = this.#saving.then(write);
    };
    if (journey !== live(before)) save(() => storage.save("journey", journey));
    if (opening !== before.opening) save(() => storage.save("opening", opening));
    if (installed !== before.installed) save(() => storage.save("installed", installed));
  }

  /** Does what the new state asks for. */
  #follow(before: State): void {
    const { job, journey, over, screen } = this.#state;
    if (job !== null && job.id !== before.job?.id) void this.#do(job);
    const watched = over || job?.task.do === "CLAIM" ? null : journey;
    if (watched !== (this.#watch?.journey ?? null)) {
      this.#watch?.abort.abort();
      this.#watch = null;
      if (watched !== null) void this.#watchSession(watched);
    }
    const at = screen.name === "RETURN" ? screen.returnAt : null;
    if (at !== (this.#goBack?.at ?? null)) {
      this.#goBack?.cancel();
      const { clock, timer } = this.#with;
      const go = (): void => this.send({ type: "RETURN", now: clock.now() });
      this.#goBack = at === null ? null : { at, cancel: timer.after(Math.max(0, at - clock.now()), go) };
    }
  }

  async #do(job: Job): Promise<void> {
    try {
      await this.#perform(job);
    } catch (error) {
      const { reason, retryAfterMs } = problemOf(error);
      this.send({ type: "FAILED", id: job.id, failure: { reason, retryAfterMs } });
    }
  }

  #requestId(job: Job): Octets {
    if (this.#request?.key !== job.key) this.#request = { key: job.key, id: this.#with.random(16) };
    return this.#request.id;
  }

  async #perform(job: Job): Promise<void> {
    const { task, id } = job;
    if (task.do === "OPEN") {
      this.#with.open(task.url);
      this.send({ type: "OPENED", id });
      return;
    }
    if (task.do === "READ") return this.#read(id, task);
    if (task.do === "CLAIM") {
      // A page that is closed during the claim repeats it with the same claim key.
      await this.saved();
      return this.#claim(id, task.opening);
    }
    const { journey } = this.#state;
    if (journey !== null) await this.#call(job, journey);
  }

  /** With the device credential, and again while the trouble is a passing one. */
  #retry<T>(make: () => Promise<T>): Promise<T> {
    return withRetry(this.#with.timer, make);
  }

  async #claim(id: number, { link, claimKey }: Opening): Promise<void> {
    if (link.kind === "QR") {
      const answer = await this.#retry(() => this.#pairing.claimQr({ payload: link.payload, claimKey }));
      const journey = {
        sessionId: answer.sessionId as Octets,
        credential: answer.deviceCredential as Octets,
        act: answer.act,
        flow: Flow.CROSS_DEVICE,
      };
      this.send({ type: "CLAIMED", id, journey, code: code(answer) });
      return;
    }
    const { sessionId, token } = link;
    const answer = await this.#retry(() =>
      this.#pairing.claimHandoff({ sessionId, handoffToken: token, claimKey }),
    );
    const credential = answer.deviceCredential as Octets;
    const journey = { sessionId, credential, act: answer.act, flow: Flow.ONE_DEVICE };
    this.send({ type: "CLAIMED", id, journey, code: null });
  }

  async #call(job: Job, journey: Journey): Promise<void> {
    const { task, id } = job;
    const { sessionId } = journey;
    const requestId = this.#requestId(job);
    const options = bearer(journey);
    switch (task.do) {
      case "LOOK": {
        const { session } = await this.#retry(() => this.#session.getSession({ sessionId }, options));
        if (session !== undefined) this.send({ type: "LOOKED", id, view: session });
        return;
      }
      case "NEW_CODE": {
        const answer = await this.#retry(() => this.#pairing.refreshCode({ sessionId, requestId }, options));
        this.send({ type: "CODE", id, code: code(answer) });
        return;
      }
      case "CHALLENGE": {
        const response = await this.#retry(() => this.#validation.getChallenge({ sessionId }, options));
        this.send({ type: "CHALLENGE", id, response });
        return;
      }
      case "SUBMIT": {
        const proof = { ...proofOf(task), sessionId, requestId };
        const response = await this.#retry(() => this.#validation.submitProof(proof, options));
        this.send({ type: "SUBMITTED", id, response });
        return;
      }
      case "CONSENT": {
        const { consentTextVersion, attributes } = task.consent;
        const given = attributes.map(({ attribute }) => attribute);
        const request = { sessionId, requestId, consentTextVersion, attributes: given };
        const response = await this.#retry(() => this.#validation.grantConsent(request, options));
        this.send({ type: "GRANTED", id, response, now: this.#with.clock.now() });
        return;
      }
      case "NEW_TICKET": {
        const request = { sessionId, requestId };
        const { ticket } = await this.#retry(() => this.#pairing.refreshReturnCode(request, options));
        if (ticket !== undefined) this.send({ type: "TICKET", id, ticket });
        return;
      }
      case "CANCEL": {
        const request = { sessionId, requestId, reason: task.reason };
        await this.#retry(() => this.#session.cancelSession(request, options));
        this.send({ type: "CANCELLED", id });
      }
    }
  }

  async #read(id: number, task: Task & { do: "READ" }): Promise<void> {
    await this.#pause(READ_MS);
    const card = this.#cards.get(task.cardId);
    const challenge = task.challenge.challenge;
    // Lifted, or stopped: the PINs have not been looked at.
    if (this.#state.job?.id !== id || card === undefined || challenge === undefined) return;
    const keeper = {
      read: () => Promise.resolve((this.#cards.get(card.id) ?? card).tries),
      write: (tries: StoredCard["tries"]) => this.#putCard({ ...card, tries }),
    };
    const pins = { authentication: task.authentication, cardInfo: task.cardInfo };
    const octets = challengeOctets(challenge, this.#with.origin);
    const outcome = await readCard(parseCardFile(card.file), keeper, pins, octets);
    this.send({ type: "CARD_READ", id, outcome });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#with.timer.after(ms, resolve));
  }

  /** Watches until the session is over or another journey has begun; opens a broken stream again. */
  async #watchSession(journey: Journey): Promise<void> {
    const abort = new AbortController();
    const watch: Watch = { journey, abort, renew: () => undefined };
    this.#watch = watch;
    for (let failures = 0; this.#watch === watch; failures += 1) {
      const attempt = new AbortController();
      let pausing: (() => void) | undefined;
      watch.renew = () => {
        failures = 0;
        attempt.abort();
        pausing?.();
      };
      try {
        const signal = AbortSignal.any([abort.signal, attempt.signal]);
        const options = { ...bearer(journey), signal };
        for await (const { session } of this.#streams.watchSession(
          { sessionId: journey.sessionId },
          options,
        )) {
          if (session === undefined || this.#watch !== watch) continue;
          failures = 0;
          this.send({ type: "VIEW", view: session });
          if (ENDED.includes(session.state)) return;
        }
      } catch (error) {
        if (this.#watch !== watch) return;
        const { reason } = problemOf(error);
        if (CLAIMS_NOTHING.has(reason)) {
          this.send({ type: "LOST", reason: reason as "CREDENTIAL_INVALID" });
          return;
        }
        if (!attempt.signal.aborted) this.send({ type: "OFFLINE", offline: true });
      }
      if (attempt.signal.aborted) continue;
      const pause = WATCH_PAUSES_MS[Math.min(failures, WATCH_PAUSES_MS.length - 1)] ?? 0;
      await new Promise<void>((resolve) => {
        const cancel = this.#with.timer.after(pause, resolve);
        pausing = () => {
          cancel();
          resolve();
        };
      });
    }
  }
}

function bearer({ credential }: Journey): CallOptions {
  return { headers: { authorization: `Bearer ${toBase64Url(credential)}` } };
}

function code(answer: { pairingCode: string; codeExpiresAt?: Timestamp | undefined }): Code {
  const { pairingCode, codeExpiresAt } = answer;
  return { digits: pairingCode, expiresAt: codeExpiresAt === undefined ? 0 : timestampMs(codeExpiresAt) };
}

function proofOf({ proof, nonce }: Task & { do: "SUBMIT" }) {
  const { certificate, keyType, signature, name } = proof;
  const algorithm =
    keyType === "RSA" ? SignatureAlgorithm.RSA_PKCS1_SHA256 : SignatureAlgorithm.ECDSA_P384_SHA384;
  return { nonce, certificate, algorithm, signature, ...(name === null ? {} : { nameStatement: name }) };
}
