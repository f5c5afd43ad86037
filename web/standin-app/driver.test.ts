import { KeyObject, verify } from "node:crypto";

import { create, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import {
  Act,
  Attribute,
  CancelReason,
  Flow,
  SessionState,
  VerdictStatus,
} from "../gen/musubi/v1/common_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService, SessionViewSchema } from "../gen/musubi/v1/session_pb.ts";
import { ValidationService } from "../gen/musubi/v1/validation_pb.ts";
import type { Challenge, SubmitProofRequest } from "../gen/musubi/v1/validation_pb.ts";
import { ChallengeSchema } from "../gen/musubi/v1/validation_pb.ts";
import { toBase64Url } from "../ui/bytes.ts";
import { FakeTime } from "../ui/fake_time.ts";
import { challengeOctets } from "./challenge.ts";
import { App, READ_MS } from "./driver.ts";
import { fakeCard } from "./fake_card.ts";
import type { FakeCard } from "./fake_card.ts";
import type { Octets } from "./octets.ts";
import type { Event, State } from "./state.ts";
import { MemoryStorage } from "./storage.ts";

const ORIGIN = "https://link.example";
const START = 1_800_000_000_000;
const sessionId = new Uint8Array(16).fill(5);
const credential = new Uint8Array(32).fill(6);

function refusal(reason: string): ConnectError {
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "musubi" } };
  return new ConnectError(reason, Code.FailedPrecondition, undefined, [info]);
}

/** The services, as a phone meets them: one session, and what was asked of it. */
class FakeTier {
  flow: Flow = Flow.CROSS_DEVICE;
  state: SessionState = SessionState.CREATED;
  asked: { method: string; authorization: string | null; octets: string }[] = [];
  proofs: SubmitProofRequest[] = [];
  requestIds: string[] = [];
  cancelled: CancelReason[] = [];
  /** Thrown by the next calls of these methods, one each. */
  failures: [method: string, error: ConnectError][] = [];
  #watchers: ((state: SessionState | ConnectError) => void)[] = [];

  challenge(): Challenge {
    return create(ChallengeSchema, {
      version: 1,
      relyingPartyId: "demo-university",
      origin: ORIGIN,
      act: Act.LINK,
      sessionId,
      flow: this.flow,
      transcriptHash: new Uint8Array(32),
      requestedAttributes: [Attribute.NAME],
      consentTextVersion: "v1",
      nonce: new Uint8Array(32).fill(8),
    });
  }

  move(state: SessionState): void {
    this.state = state;
    for (const watcher of this.#watchers) watcher(state);
  }

  breakStreams(error: ConnectError): void {
    for (const watcher of this.#watchers.splice(0)) watcher(error);
  }

  get watchers(): number {
    return this.#watchers.length;
  }

  #view() {
    return create(SessionViewSchema, {
      state: this.state,
      flow: this.flow,
      sessionId,
      consent: { consentTextVersion: "v1" },
    });
  }

  async *#watch(context: HandlerContext) {
    const news: (SessionState | ConnectError)[] = [];
    let wake = (): void => undefined;
    const watcher = (state: SessionState | ConnectError): void => {
      news.push(state);
      wake();
    };
    this.#watchers.push(watcher);
    context.signal.addEventListener("abort", () => wake());
    yield { session: this.#view() };
    while (!context.signal.aborted) {
      const next = news.shift();
      if (next instanceof ConnectError) throw next;
      if (next !== undefined) yield { session: this.#view() };
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  /** Notes each request as it goes out; fails the calls that are to fail. */
  #note: Interceptor = (next) => async (request) => {
    const method = request.method.name;
    const message = request.stream ? "" : encoded(request.method.input, request.message);
    this.asked.push({ method, authorization: request.header.get("authorization"), octets: message });
    const failure = this.failures.findIndex(([name]) => name === method);
    if (failure >= 0) throw this.failures.splice(failure, 1)[0]?.[1] ?? new Error("no failure");
    return next(request);
  };

  transport() {
    const ticket = () => ({
      returnUrl: `${ORIGIN}/return#s.${this.asked.length}`,
      expiresAt: timestampFromMs(START + 60_000),
    });
    return createRouterTransport(
      ({ service }) => {
        service(PairingService, {
          claimQr: () => {
            this.flow = Flow.CROSS_DEVICE;
            this.move(SessionState.CLAIMED);
            const codeExpiresAt = timestampFromMs(START + 120_000);
            return {
              sessionId,
              deviceCredential: credential,
              pairingCode: "246802",
              codeExpiresAt,
              act: Act.LINK,
            };
          },
          claimHandoff: () => {
            this.flow = Flow.ONE_DEVICE;
            this.move(SessionState.PAIRED);
            return { deviceCredential: credential, act: Act.LINK };
          },
          refreshCode: () => ({ pairingCode: "135791", codeExpiresAt: timestampFromMs(START + 240_000) }),
          refreshReturnCode: () => ({ ticket: ticket() }),
        });
        service(SessionService, {
          getSession: () => ({ session: this.#view() }),
          watchSession: (_request, context) => this.#watch(context),
          cancelSession: ({ reason }) => {
            this.cancelled.push(reason);
            return { state: SessionState.CANCELLED };
          },
        });
        service(ValidationService, {
          getChallenge: () => ({
            challenge: this.challenge(),
            expiresAt: timestampFromMs(START + 300_000),
            proofTriesLeft: 3,
          }),
          submitProof: (request) => {
            this.proofs.push(request);
            this.requestIds.push(toBase64Url(request.requestId));
            this.move(SessionState.PROVEN);
            const consent = {
              consentTextVersion: "v1",
              attributes: [{ attribute: Attribute.NAME, value: "試験　一号" }],
            };
            return { verdict: { status: VerdictStatus.VALID }, state: SessionState.PROVEN, consent };
          },
          grantConsent: () => {
            const one = this.flow === Flow.ONE_DEVICE;
            this.move(one ? SessionState.CONSENTED : SessionState.READY);
            return one ? { state: this.state, ticket: ticket() } : { state: this.state };
          },
        });
      },
      { transport: { interceptors: [this.#note] } },
    );
  }
}

function encoded(schema: DescMessage, message: unknown): string {
  return Buffer.from(toBinary(schema, message as MessageShape<DescMessage>)).toString("latin1");
}

let rsa: FakeCard;
let tier: FakeTier;
let time: FakeTime;
let storage: MemoryStorage;
let opened: string[];
/** How often something was made at random: never the same twice, by no app. */
let made = 0;
const apps: App[] = [];

beforeAll(async () => {
  rsa = await fakeCard("RSA");
});
beforeEach(() => {
  tier = new FakeTier();
  time = new FakeTime(START);
  storage = new MemoryStorage();
  storage.kept.cards = [structuredClone(rsa.card)];
  opened = [];
});
afterEach(() => {
  for (const app of apps.splice(0)) app.stop();
});

function makeApp(): App {
  const transport = tier.transport();
  const random = (size: number): Octets => new Uint8Array(size).fill((made += 1));
  const open = (url: string): void => void opened.push(url);
  const app = new App({
    origin: ORIGIN,
    transport,
    streams: transport,
    clock: time,
    timer: time,
    random,
    storage,
    open,
  });
  apps.push(app);
  return app;
}

/** Waits until the state is as said. */
function until(app: App, what: (state: State) => boolean): Promise<State> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!what(app.state)) return;
      stop();
      resolve(app.state);
    };
    const stop = app.subscribe(look);
    look();
  });
}
const at = (app: App, name: State["screen"]["name"]): Promise<State> =>
  until(app, (state) => state.screen.name === name && state.job === null);

/** Lets promises that can go on do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass until it is so. */
async function pass(what: () => boolean): Promise<void> {
  while (!what()) {
    await settle();
    time.advance(500);
  }
}

const next: Event = { type: "CONTINUE" };
const pin = (which: "AUTHENTICATION" | "CARD_INFO", text: string): Event => ({
  type: "TYPE_PIN",
  pin: which,
  text,
});

async function toStart(app: App, fragment: string): Promise<void> {
  await app.start(fragment);
  app.send(next);
  await at(app, "WHO");
  app.send(next);
  if (tier.flow === Flow.CROSS_DEVICE) {
    await at(app, "CODE");
    tier.move(SessionState.PAIRED);
  }
  await at(app, "UNLOCK");
  app.send(next);
  await until(app, (state) => state.challenge !== null);
}

function toReading(app: App, authentication = "1234"): void {
  for (const event of [next, pin("AUTHENTICATION", authentication), next, pin("CARD_INFO", "5678"), next])
    app.send(event);
  app.send({ type: "READ", now: time.now() });
}

async function toConsent(app: App, fragment: string): Promise<void> {
  await toStart(app, fragment);
  toReading(app);
  time.advance(READ_MS);
  await at(app, "CONSENT");
}

const QR = "#q=AbCd";
const HANDOFF = `#h=${toBase64Url(sessionId)}.${toBase64Url(new Uint8Array(32).fill(3))}`;

describe("a journey", () => {
  it("with a PC: opening the link asks nothing of anybody, the press claims, the end forgets", async () => {
    const app = makeApp();
    await app.start(QR);
    await settle();
    expect(tier.asked).toEqual([]);

    await toConsent(app, QR);
    app.send({ type: "ALLOW" });
    await at(app, "DONE_PC");
    await app.saved();
    expect(storage.kept.journey?.credential).toEqual(credential);
    tier.move(SessionState.USED);
    await until(app, (state) => state.over);
    await app.saved();
    expect([storage.kept.journey, storage.kept.opening]).toEqual([null, null]);
  });

  it("signs our own encoding with the origin of the connection, and the name with it", async () => {
    await toConsent(makeApp(), QR);
    const [proof] = tier.proofs;
    const octets = challengeOctets(tier.challenge(), ORIGIN);
    expect(
      verify("sha256", octets, KeyObject.from(rsa.publicKey), proof?.signature ?? new Uint8Array()),
    ).toBe(true);
    expect(proof?.nameStatement?.name).toBe("試験　一号");
  });

  it("sends the device credential with each call but the claim, and a PIN with none", async () => {
    const app = makeApp();
    await toConsent(app, QR);
    app.send({ type: "ALLOW" });
    await at(app, "DONE_PC");
    expect(tier.asked.length).toBeGreaterThan(4);
    for (const { method, authorization, octets } of tier.asked) {
      expect(authorization).toBe(method === "ClaimQr" ? null : `Bearer ${toBase64Url(credential)}`);
      expect(octets).not.toContain("1234");
      expect(octets).not.toContain("5678");
    }
  });

  it("on one device: goes back to the browser by itself after 10 seconds", async () => {
    const app = makeApp();
    await toConsent(app, HANDOFF);
    app.send({ type: "ALLOW" });
    await at(app, "RETURN");
    time.advance(9_999);
    expect(opened).toEqual([]);
    time.advance(1);
    await settle();
    expect(opened).toHaveLength(1);
    expect(opened[0]).toContain(`${ORIGIN}/return#`);
  });

  it("on one device: stays when told so, and a late press asks for a new return code", async () => {
    const app = makeApp();
    await toConsent(app, HANDOFF);
    app.send({ type: "ALLOW" });
    await at(app, "RETURN");
    app.send({ type: "STAY" });
    time.advance(50_000);
    expect(opened).toEqual([]);
    app.send({ type: "RETURN", now: time.now() });
    await until(app, (state) => state.screen.name === "RETURN" && state.screen.gone);
    expect(tier.asked.map(({ method }) => method)).toContain("RefreshReturnCode");
    expect(opened).toHaveLength(1);
  });

  it("that is stopped tells the service, and forgets", async () => {
    const app = makeApp();
    await toStart(app, QR);
    app.send({ type: "ASK_NOT_ME" });
    app.send({ type: "CONFIRM" });
    await at(app, "OVER");
    await app.saved();
    expect([tier.cancelled, storage.kept.journey]).toEqual([[CancelReason.NOT_ME], null]);
  });
});

describe("the card", () => {
  it("that is lifted is asked nothing: no try, no proof", async () => {
    const app = makeApp();
    await toStart(app, QR);
    toReading(app, "0000");
    time.advance(READ_MS - 1);
    app.send({ type: "LIFT" });
    time.advance(READ_MS);
    await settle();
    expect(app.state.screen.name).toBe("LIFTED");
    expect(storage.kept.cards[0]?.tries.AUTHENTICATION).toBe(3);
    expect(tier.proofs).toEqual([]);
  });

  it("keeps its counters on the device", async () => {
    const app = makeApp();
    await toStart(app, QR);
    toReading(app, "0000");
    time.advance(READ_MS);
    await at(app, "PIN_1");
    expect(app.state.cards[0]?.tries).toEqual({ AUTHENTICATION: 2, CARD_INFO: 3 });
    expect(storage.kept.cards[0]?.tries).toEqual({ AUTHENTICATION: 2, CARD_INFO: 3 });
    expect(tier.proofs).toEqual([]);
  });
});

describe("a passing trouble", () => {
  const unavailable = new ConnectError("away", Code.Unavailable);
  it("is tried again with the same request id, by itself and then by one press", async () => {
    const app = makeApp();
    await toStart(app, QR);
    tier.failures = [1, 2, 3, 4].map(() => ["SubmitProof", unavailable]);
    toReading(app);
    time.advance(READ_MS);
    await pass(() => app.state.trouble !== null);
    expect(app.state.trouble?.failure.reason).toBe("UNAVAILABLE");
    app.send({ type: "TRY_AGAIN", now: time.now() });
    await pass(() => app.state.screen.name === "CONSENT");
    const sent = tier.asked.filter(({ method }) => method === "SubmitProof").map(({ octets }) => octets);
    expect(sent).toHaveLength(5);
    expect(new Set(sent).size).toBe(1);
  });

  it("of the stream is said, and one press opens it again", async () => {
    const app = makeApp();
    await toStart(app, QR);
    tier.breakStreams(unavailable);
    await until(app, ({ offline }) => offline);
    await settle();
    expect(tier.watchers).toBe(0);
    app.reconnect();
    await until(app, ({ offline }) => !offline);
    expect(tier.watchers).toBe(1);
  });

  it("that the phone itself knows of is said at once, and a new stream ends it", async () => {
    const app = makeApp();
    await toStart(app, QR);
    app.disconnected();
    expect(app.state.offline).toBe(true);
    app.reconnect();
    await until(app, ({ offline }) => !offline);
  });

  it("of the stream is over by itself after a pause", async () => {
    const app = makeApp();
    await toStart(app, QR);
    tier.breakStreams(unavailable);
    await until(app, ({ offline }) => offline);
    await settle();
    time.advance(1_000);
    await until(app, ({ offline }) => !offline);
  });
});

describe("the stream", () => {
  it("says when the pairing began anew: this phone is out, and forgets", async () => {
    const app = makeApp();
    await toStart(app, QR);
    tier.breakStreams(refusal("CREDENTIAL_INVALID"));
    const state = await at(app, "OVER");
    await app.saved();
    expect([state.screen, storage.kept.journey]).toEqual([{ name: "OVER", ending: "REPLACED" }, null]);
  });
});

describe("a reload", () => {
  it("resumes where it was; the code is a new one, for the old one is nowhere kept", async () => {
    const first = makeApp();
    await first.start(QR);
    first.send(next);
    await at(first, "WHO");
    await first.saved();
    expect(JSON.stringify(storage.kept)).not.toContain("246802");
    first.stop();
    const second = makeApp();
    await second.start("");
    const state = await until(second, ({ code }) => code !== null);
    expect([state.screen.name, state.code?.digits]).toEqual(["CODE", "135791"]);
  });

  it("during the claim repeats it with the same claim key", async () => {
    tier.failures = [["ClaimQr", new ConnectError("away", Code.Unavailable)]];
    const first = makeApp();
    await first.start(QR);
    first.send(next);
    await settle();
    first.stop();
    const second = makeApp();
    await second.start("");
    second.send(next);
    await at(second, "WHO");
    const claims = tier.asked.filter(({ method }) => method === "ClaimQr").map(({ octets }) => octets);
    expect(claims).toHaveLength(2);
    expect(new Set(claims).size).toBe(1);
  });

  it("keeps no PIN and no proof", async () => {
    const app = makeApp();
    await toStart(app, QR);
    toReading(app);
    time.advance(READ_MS);
    await at(app, "CONSENT");
    await app.saved();
    expect(Object.keys(storage.kept).sort()).toEqual(["cards", "installed", "journey", "opening"]);
    expect(Object.keys(storage.kept.journey ?? {}).sort()).toEqual([
      "act",
      "credential",
      "flow",
      "sessionId",
    ]);
  });
});
