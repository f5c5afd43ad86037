import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Act, CancelReason, Flow, FlowPolicy, SessionState } from "../../gen/musubi/v1/common_pb.ts";
import { PairingService } from "../../gen/musubi/v1/pairing_pb.ts";
import type { CompleteReturnRequest, ConfirmCodeRequest } from "../../gen/musubi/v1/pairing_pb.ts";
import { SessionService, SessionViewSchema } from "../../gen/musubi/v1/session_pb.ts";
import type {
  BindAccountRequest,
  CancelSessionRequest,
  CreateSessionRequest,
  SessionView,
} from "../../gen/musubi/v1/session_pb.ts";
import type { BrowserState, PageConfig } from "../../shared/page.ts";
import { fromBase64Url, toBase64Url } from "../../ui/bytes.ts";
import { FakeTime } from "../../ui/fake_time.ts";
import { createCalls } from "../client.ts";
import { memoryOn } from "../memory.ts";
import type { Services } from "../services.ts";
import { startJourney } from "./driver.ts";
import { screenOf } from "./machine.ts";
import type { Screen } from "./machine.ts";

const S = SessionState;
const NOW = Date.UTC(2026, 10, 27, 9);
const ID = new Uint8Array(16).fill(7);
const TOKEN = new Uint8Array(32).fill(5);

const config: PageConfig = {
  relyingPartyId: "demo-university",
  serviceName: { ja: "見本大学", en: "Mihon University" },
  app: {
    name: { ja: "見本アプリ", en: "Mihon App" },
    url: "https://app.example/",
    iosUrl: "https://ios.example/",
    androidUrl: "https://android.example/",
    iosVersion: "16.4",
    androidVersion: "11",
    phonesUrl: "https://phones.example/",
  },
  firstStep: "ACCOUNT",
  acts: ["LINK"],
  recoveryUrl: "https://account.example/",
  helpUrl: "https://help.example/",
};

function view(state: SessionState, more: MessageInitShape<typeof SessionViewSchema> = {}): SessionView {
  return create(SessionViewSchema, {
    sessionId: ID,
    act: Act.LINK,
    flow: state === S.CREATED ? Flow.UNSPECIFIED : Flow.CROSS_DEVICE,
    flowPolicy: FlowPolicy.ANY,
    state,
    generation: 1,
    qrRefreshesLeft: 3,
    codeTriesLeft: 5,
    proofTriesLeft: 3,
    expiresAt: timestampFromMs(NOW + 1_800_000),
    ...more,
  });
}

function refusal(code: Code, reason: string, metadata: Record<string, string> = {}): ConnectError {
  return new ConnectError(reason, code, undefined, [{ desc: ErrorInfoSchema, value: { reason, metadata } }]);
}

/** A tier with one session, a browser around one page, and a hand on both. */
class World {
  readonly time = new FakeTime(NOW);
  view = view(S.CREATED);
  browser: BrowserState = {
    session: { id: toBase64Url(ID), act: "LINK", expiresAt: "" },
    signedIn: null,
  };
  readonly created: CreateSessionRequest[] = [];
  readonly confirmed: ConfirmCodeRequest[] = [];
  readonly completions: CompleteReturnRequest[] = [];
  readonly cancelled: CancelSessionRequest[] = [];
  readonly went: string[] = [];
  readonly open = { session: 0, frames: 0 };
  openings = 0;
  claims = 0;
  confirm: () => void = () => undefined;
  complete: () => void = () => undefined;
  readonly bindings: BindAccountRequest[] = [];
  bind: () => void = () => undefined;
  /** The request whose answer was lost: until it is repeated, the browser has a credential that is void. */
  lost: Uint8Array | null = null;
  newerTab: () => void = () => undefined;
  around = { offline: () => {}, online: () => {}, look: () => {} };
  /** Nobody answers streams. */
  down = false;
  #changed: (() => void)[] = [];
  #octet = 0;
  #version = 0;
  readonly services: Services;

  constructor() {
    const transport = createRouterTransport(({ service }) => {
      service(SessionService, {
        createSession: (request) => {
          this.created.push(request);
          this.browser = { ...this.browser, session: { id: toBase64Url(ID), act: "LINK", expiresAt: "" } };
          return { sessionId: ID };
        },
        getSession: () => {
          if (this.lost !== null) throw refusal(Code.Unauthenticated, "CREDENTIAL_INVALID");
          return { session: this.view };
        },
        bindAccount: (request) => {
          this.bindings.push(request);
          this.#replace(request.requestId, this.bind);
          return {};
        },
        cancelSession: (request) => {
          this.cancelled.push(request);
          return { state: S.CANCELLED };
        },
        watchSession: (_request, context) =>
          this.#watch("session", context.signal, () => ({ session: this.view })),
      });
      service(PairingService, {
        watchQrFrames: (_request, context) =>
          this.#watch("frames", context.signal, () => ({
            frame: { payload: "frame", generation: this.view.generation },
            pageExpiresAt: timestampFromMs(NOW + 300_000),
            refreshesLeft: 3,
          })),
        confirmCode: (request) => {
          this.confirmed.push(request);
          this.confirm();
          return { state: S.PAIRED };
        },
        createHandoff: () => ({ handoffToken: TOKEN, expiresAt: timestampFromMs(NOW + 60_000) }),
        completeReturn: (request) => {
          this.completions.push(request);
          this.#replace(request.requestId, this.complete);
          return { state: S.READY };
        },
      });
    });
    const entries = new Map<string, string>();
    this.services = {
      calls: createCalls(transport, transport),
      http: {
        config: () => Promise.resolve(config),
        state: () => Promise.resolve(this.browser),
        signIn: ({ purpose }) => Promise.resolve({ location: `https://idp.example/${purpose}` }),
        signOut: () => Promise.resolve(),
        leave: () => Promise.resolve(),
      },
      config,
      clock: this.time,
      timer: this.time,
      random: (octets) => new Uint8Array(octets).fill((this.#octet += 1)),
      memory: memoryOn({
        getItem: (key) => entries.get(key) ?? null,
        setItem: (key, value) => void entries.set(key, value),
        removeItem: (key) => void entries.delete(key),
      }),
      navigate: () => undefined,
      go: (url) => void this.went.push(url),
      present: new Set(),
    };
  }

  #replace(requestId: Uint8Array, answer: () => void): void {
    if (this.lost !== null) {
      if (toBase64Url(requestId) !== toBase64Url(this.lost)) {
        throw refusal(Code.Unauthenticated, "CREDENTIAL_INVALID");
      }
      this.lost = null;
      return;
    }
    answer();
  }

  /** The services have done it; its answer does not come. */
  loseAnswerOf(requests: { requestId: Uint8Array }[]): () => void {
    return () => {
      this.lost = requests.at(-1)?.requestId ?? null;
      throw new ConnectError("lost", Code.Unavailable);
    };
  }

  async *#watch<T>(which: "session" | "frames", signal: AbortSignal, message: () => T): AsyncGenerator<T> {
    this.openings += 1;
    if (this.down) throw new ConnectError("nobody", Code.Unavailable);
    this.open[which] += 1;
    signal.addEventListener("abort", () => {
      this.open[which] -= 1;
    });
    while (!signal.aborted) {
      const seen = this.#version;
      yield message();
      if (seen !== this.#version) continue;
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        signal.addEventListener("abort", () => resolve());
      });
    }
  }

  set(next: SessionView): void {
    this.view = next;
    this.#version += 1;
    for (const wake of this.#changed.splice(0)) wake();
  }

  start(error: string | null = null) {
    return startJourney({
      services: this.services,
      tabs: {
        claim: () => {
          this.claims += 1;
        },
        onClaim: (listener) => {
          this.newerTab = listener;
        },
        close: () => undefined,
      },
      surroundings: {
        isOnline: () => true,
        guessWay: () => "other",
        listen: (on) => {
          this.around = on;
          return () => undefined;
        },
      },
      locale: () => "ja",
      error,
    });
  }
}

type Driver = ReturnType<World["start"]>;

/** Turns of the event loop, until it is so. No time passes. */
async function until(so: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !so(); turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(so()).toBe(true);
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const shows = (driver: Driver, screen: Screen) => until(() => screenOf(driver.store.state) === screen);

describe("the journey's driver", () => {
  test("nobody pressed anything: nothing is made", async () => {
    const world = new World();
    world.browser = { session: null, signedIn: null };
    await shows(world.start(), "journey-none");
    expect(world.created).toEqual([]);
  });

  test("back from the sign-in of a press: the session is made, with nothing that is the tier's to say", async () => {
    const world = new World();
    const now = new Date(NOW).toISOString();
    world.browser = {
      session: null,
      signedIn: { accountHint: "sh***", accountName: "shiken-001", authTime: now, fresh: true, until: now },
    };
    world.services.memory.set("begin", { act: "LINK", way: "other", until: NOW + 1000 });
    await shows(world.start(), "pc-qr");
    expect(world.created).toHaveLength(1);
    expect(world.created[0]).toMatchObject({
      act: Act.LINK,
      locale: "ja",
      relyingPartyId: "",
      state: "",
      returnUri: "",
      clientNetwork: "",
      flowPolicy: FlowPolicy.UNSPECIFIED,
    });
    expect(world.created[0]?.account).toBeUndefined();
    expect(world.created[0]?.clientContext).toBeUndefined();
    expect(world.created[0]?.requestId).toHaveLength(16);
  });

  test("a sign-in that failed makes nothing, even if an older one still holds", async () => {
    const world = new World();
    const now = new Date(NOW).toISOString();
    world.browser = {
      session: null,
      signedIn: { accountHint: "", accountName: "", authTime: now, fresh: true, until: now },
    };
    world.services.memory.set("begin", { act: "LINK", way: "other", until: NOW + 1000 });
    const driver = world.start("SIGN_IN_CANCELLED");
    await shows(driver, "journey-none");
    expect(world.created).toEqual([]);
    expect(driver.store.state.problem?.reason).toBe("SIGN_IN_CANCELLED");
    driver.store.send({ type: "begin", way: "other" });
    await until(() => world.created.length === 1);
  });

  test("QR, code, progress, READY, decision: as the session goes", async () => {
    const world = new World();
    const driver = world.start();
    await shows(driver, "pc-qr");
    await until(() => driver.store.state.frame !== null);
    expect(world.open).toEqual({ session: 1, frames: 1 });
    expect(world.claims).toBe(1);

    world.set(view(S.CLAIMED));
    await shows(driver, "pc-code");
    await until(() => world.open.frames === 0);
    driver.store.send({ type: "code-typed", text: "１２３ ４５６" });
    driver.store.send({ type: "code-sent" });
    await until(() => world.confirmed.length === 1);
    expect(world.confirmed[0]?.pairingCode).toBe("123456");

    world.set(view(S.PAIRED));
    await shows(driver, "pc-progress");
    world.set(view(S.READY));
    await shows(driver, "journey-decide");
    expect(world.completions).toHaveLength(1);
    expect(world.completions[0]?.returnCode).toHaveLength(0);
    expect(world.services.present.has(toBase64Url(ID))).toBe(true);
    // The browser's credential is another one now: so is the stream.
    await until(() => world.open.session === 1);
    expect(world.openings).toBe(3);
  });

  test("READY of another document: nothing is completed before a fresh sign-in", async () => {
    const world = new World();
    world.view = view(S.READY);
    const driver = world.start();
    await shows(driver, "journey-resume");
    await settle();
    expect(world.completions).toEqual([]);
    driver.store.send({ type: "sign-in" });
    await until(() => world.went.length === 1);
    expect(world.went).toEqual(["https://idp.example/RESUME"]);
    driver.stop();

    // Back, but with the sign-in of before.
    const again = world.start();
    await shows(again, "journey-resume");
    again.stop();

    const now = new Date(NOW).toISOString();
    world.browser = {
      ...world.browser,
      signedIn: { accountHint: "", accountName: "", authTime: now, fresh: true, until: now },
    };
    const back = world.start();
    await shows(back, "journey-decide");
    expect(world.completions).toHaveLength(1);
    back.stop();

    // That sign-in was for that document: the next one asks again.
    world.services.present.clear();
    await shows(world.start(), "journey-resume");
    expect(world.completions).toHaveLength(1);
  });

  test("the answer of a completion is lost: the same request is made again", async () => {
    const world = new World();
    world.view = view(S.PROVEN);
    let failures = 2;
    world.complete = () => {
      if (failures-- > 0) throw new ConnectError("lost", Code.Unavailable);
    };
    const driver = world.start();
    await shows(driver, "pc-progress");
    world.set(view(S.READY));
    await until(() => world.completions.length === 1);
    await settle();
    world.time.advance(300);
    await until(() => world.completions.length === 2);
    await settle();
    world.time.advance(1200);
    await shows(driver, "journey-decide");
    expect(new Set(world.completions.map(({ requestId }) => toBase64Url(requestId))).size).toBe(1);
  });

  test("its answer is lost and the page is loaded anew: the request that this tab has kept is repeated", async () => {
    const world = new World();
    world.view = view(S.PROVEN);
    world.complete = world.loseAnswerOf(world.completions);
    const driver = world.start();
    await shows(driver, "pc-progress");
    world.set(view(S.READY));
    await until(() => world.completions.length === 1);
    driver.stop();

    world.services.present.clear();
    const again = world.start();
    // The session is not lost; who has come back is asked, as always.
    await shows(again, "journey-resume");
    expect(world.completions).toHaveLength(2);
    expect(world.completions[1]?.requestId).toEqual(world.completions[0]?.requestId);
    again.stop();

    // Answered: from here on it is another request.
    world.complete = () => undefined;
    world.services.memory.set("signIn", {
      sessionId: toBase64Url(ID),
      purpose: "RESUME",
      authTimeBefore: null,
    });
    const now = new Date(NOW).toISOString();
    world.browser = {
      ...world.browser,
      signedIn: { accountHint: "", accountName: "", authTime: now, fresh: true, until: now },
    };
    await shows(world.start(), "journey-decide");
    expect(world.completions).toHaveLength(3);
    expect(world.completions[2]?.requestId).not.toEqual(world.completions[0]?.requestId);
  });

  test("a void credential without such a request is a lost session", async () => {
    const world = new World();
    world.view = view(S.READY);
    world.lost = TOKEN;
    await shows(world.start(), "journey-none");
    expect([...world.completions, ...world.bindings]).toEqual([]);
  });

  describe("a sign-in within a session on one device", () => {
    const signedInAgain = (): World => {
      const world = new World();
      world.view = view(S.READY, { flow: Flow.ONE_DEVICE, accountBound: true });
      const now = new Date(NOW).toISOString();
      world.browser = {
        ...world.browser,
        signedIn: { accountHint: "", accountName: "", authTime: now, fresh: true, until: now },
      };
      world.services.memory.set("signIn", {
        sessionId: toBase64Url(ID),
        purpose: "RESUME",
        authTimeBefore: null,
      });
      return world;
    };

    test("replaces the credential, once, before the decision", async () => {
      const world = signedInAgain();
      await shows(world.start(), "journey-decide");
      expect(world.bindings).toHaveLength(1);
      expect(world.completions).toEqual([]);
    });

    test("and if that answer is lost, a page that is loaded anew repeats the request", async () => {
      const world = signedInAgain();
      world.bind = world.loseAnswerOf(world.bindings);
      const driver = world.start();
      await until(() => world.bindings.length === 1);
      driver.stop();
      world.services.present.clear();
      await shows(world.start(), "journey-resume");
      expect(world.bindings[1]?.requestId).toEqual(world.bindings[0]?.requestId);
    });

    test("of another account: the decision says what is to be done", async () => {
      const world = signedInAgain();
      world.bind = () => {
        throw refusal(Code.FailedPrecondition, "ACCOUNT_ALREADY_BOUND");
      };
      await shows(world.start(), "journey-decide");
      expect(world.bindings).toHaveLength(1);
    });
  });

  test("a wrong code leaves what the refusal says, and the next try is another request", async () => {
    const world = new World();
    world.view = view(S.CLAIMED);
    world.confirm = () => {
      world.view = view(S.CLAIMED, { codeTriesLeft: 4 });
      throw refusal(Code.InvalidArgument, "PAIRING_CODE_WRONG", { tries_left: "4" });
    };
    const driver = world.start();
    await shows(driver, "pc-code");
    for (const code of ["111111", "222222"]) {
      driver.store.send({ type: "code-typed", text: code });
      driver.store.send({ type: "code-sent" });
      await until(() => driver.store.state.codeProblem === "wrong");
      expect(driver.store.state.view?.codeTriesLeft).toBe(4);
    }
    const [first, second] = world.confirmed.map(({ requestId }) => toBase64Url(requestId));
    expect(first).not.toBe(second);
  });

  test("the app is opened with session id and token in the fragment, and nothing else of the session", async () => {
    const world = new World();
    const driver = world.start();
    await shows(driver, "pc-qr");
    driver.store.send({ type: "choose", way: "this" });
    driver.store.send({ type: "open-app" });
    await shows(driver, "phone-waiting");
    expect(world.went).toEqual([`https://app.example/#h=${toBase64Url(ID)}.${toBase64Url(TOKEN)}`]);
    expect(world.services.memory.get("way")).toBe("this");
  });

  test("stop cancels, and says that the person did", async () => {
    const world = new World();
    const driver = world.start();
    await shows(driver, "pc-qr");
    driver.store.send({ type: "stop" });
    await until(() => world.cancelled.length === 1);
    expect(world.cancelled[0]?.reason).toBe(CancelReason.USER_CANCELLED);
    world.set(view(S.CANCELLED));
    await shows(driver, "journey-cancelled");
    await until(() => world.open.session === 0);
  });

  test("a newer tab: this one's streams end, until it is used again", async () => {
    const world = new World();
    const driver = world.start();
    await shows(driver, "pc-qr");
    await until(() => world.open.session === 1 && world.open.frames === 1);
    world.newerTab();
    expect(screenOf(driver.store.state)).toBe("journey-older-tab");
    await until(() => world.open.session === 0 && world.open.frames === 0);
    driver.store.send({ type: "use-this-tab" });
    await shows(driver, "pc-qr");
    await until(() => world.open.session === 1);
    expect(world.claims).toBe(2);
  });

  test.each(["online", "look"] as const)(
    "the network or the person is back (%s): no waiting",
    async (event) => {
      const world = new World();
      world.down = true;
      const driver = world.start();
      await until(() => world.openings === 2);
      world.time.advance(0);
      await until(() => world.openings === 4);
      expect(world.openings).toBe(4);
      world.down = false;
      world.around[event]();
      await until(() => world.open.session === 1 && world.open.frames === 1);
      expect(world.open).toEqual({ session: 1, frames: 1 });
      driver.stop();
    },
  );

  test("the session's time is over, and no stream says so: it is looked at", async () => {
    const world = new World();
    world.view = view(S.PAIRED);
    const driver = world.start();
    await shows(driver, "pc-progress");
    world.view = view(S.EXPIRED);
    world.time.advance(1_800_000 + 1000);
    await shows(driver, "journey-expired");
  });

  test("stopping leaves no stream and no timer", async () => {
    const world = new World();
    const driver = world.start();
    await shows(driver, "pc-qr");
    await until(() => world.open.session === 1 && world.open.frames === 1);
    driver.stop();
    await until(() => world.open.session === 0 && world.open.frames === 0);
    await until(() => world.time.waiting === 0);
  });

  test("ids in JSON and on the wire are the same octets", () => {
    expect(fromBase64Url(toBase64Url(ID))).toEqual(ID);
  });
});
