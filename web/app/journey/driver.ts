// Does what the journey's machine asks for: calls, streams, timers, other tabs. Holds no logic of the flow.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Act, CancelReason, SessionState } from "../../gen/musubi/v1/common_pb.ts";
import type { RefreshQrResponse, WatchQrFramesResponse } from "../../gen/musubi/v1/pairing_pb.ts";
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { fromBase64Url, toBase64Url } from "../../ui/bytes.ts";
import type { Locale } from "../../ui/i18n.tsx";
import { createStore } from "../../ui/machine.tsx";
import type { Store } from "../../ui/machine.tsx";
import { Refused, problemOf, withRetry } from "../../ui/problem.ts";
import { keepStream } from "../../ui/stream.ts";
import type { KeptStream } from "../../ui/stream.ts";
import { bindAccount, completeReturn, repeatReplacement } from "../account/replace.ts";
import { askSignIn, begin, createSession, isSignedInSince, takePress } from "../begin.ts";
import type { BeginAct } from "../begin.ts";
import { guessWay, readDevice } from "../device.ts";
import type { Way } from "../memory.ts";
import { requestId } from "../services.ts";
import type { Services } from "../services.ts";
import { dueAt, initial, isLive, step, streamsOf } from "./machine.ts";
import type { Effect, Event, Frame, Journey, Work } from "./machine.ts";

/** QR frames come each second: after this silence the stream is broken. */
const FRAME_STALL_MS = 6000;
/** A stream that was refused is asked for again no sooner than this. */
const REFUSED_PAUSE_MS = 5000;
/** The server needs a moment to see that a time is over. */
const DUE_MARGIN_MS = 1000;

/** Other tabs of this browser. */
export interface Tabs {
  /** "I am the newest." */
  claim(): void;
  /** Another tab is the newest. */
  onClaim(listener: () => void): void;
  close(): void;
}

/** The browser around the page. */
export interface Surroundings {
  isOnline(): boolean;
  /** Which device this looks like. */
  guessWay(): Way;
  /** `look`: the page is looked at again, back from the app or from the browser's own cache of pages. */
  listen(on: { offline: () => void; online: () => void; look: () => void }): () => void;
}

export interface JourneyDriver {
  store: Store<Journey, Event>;
  /** Ends streams, timers and listeners. */
  stop(): void;
}

interface Parts {
  services: Services;
  tabs: Tabs;
  surroundings: Surroundings;
  locale: () => Locale;
  /** What a redirect of the tier left in the address. */
  error: string | null;
}

export function startJourney(parts: Parts): JourneyDriver {
  const { services, tabs, surroundings } = parts;
  const { pairing, session, streams } = services.calls;
  let error = parts.error;
  let stopped = false;
  let loads = 0;
  // The same request id until its answer has come, for what must not be done twice.
  const requestIds = new Map<string, Uint8Array<ArrayBuffer>>();

  const store = createStore<Journey, Event, Effect>({
    machine: step,
    initial,
    now: () => services.clock.now(),
    perform,
  });

  function send(event: Event): void {
    if (!stopped) store.send(event);
  }

  async function load(): Promise<void> {
    const mine = (loads += 1);
    try {
      let browser = await services.http.state();
      const press = error === null ? takePress(services, browser) : null;
      if (press !== null) {
        await createSession(services, press.act, press.way, parts.locale());
        browser = await services.http.state();
      }
      const id = browser.session === null ? null : fromBase64Url(browser.session.id);
      const view = id === null ? null : await getSession(id).catch((thrown: unknown) => getAgain(id, thrown));
      if (mine !== loads) return;
      const signedInSince = isSignedInSince(services, browser);
      // It counts for this document alone: who opens the page once more signs in once more.
      if (signedInSince) services.memory.remove("signIn");
      send({
        type: "loaded",
        browser,
        view,
        way: services.memory.get("way") ?? surroundings.guessWay(),
        press: rememberedPress(),
        signedInSince,
        present: browser.session !== null && (services.present.has(browser.session.id) || signedInSince),
        error,
      });
      error = null;
    } catch (thrown) {
      if (mine === loads) send({ type: "not-loaded", problem: problemOf(thrown) });
    }
  }

  function rememberedPress(): { act: Act; way: Way } | null {
    const press = services.memory.get("begin");
    return press === null ? null : { act: Act[press.act], way: press.way };
  }

  async function getSession(sessionId: Uint8Array): Promise<SessionView> {
    const { session: view } = await withRetry(services.timer, () => session.getSession({ sessionId }));
    if (view === undefined) throw new Refused("INTERNAL");
    return view;
  }

  /** The credential is void: perhaps the answer with the new one was lost. */
  async function getAgain(sessionId: Uint8Array, thrown: unknown): Promise<SessionView> {
    if (problemOf(thrown).reason !== "CREDENTIAL_INVALID") throw thrown;
    if (!(await repeatReplacement(services, toBase64Url(sessionId)))) throw thrown;
    return getSession(sessionId);
  }

  function perform(effect: Effect): void {
    switch (effect.do) {
      case "load":
        void load();
        return;
      case "claim-tab":
        tabs.claim();
        return;
      case "go":
        services.go(effect.url);
        return;
      case "remember-way":
        services.memory.set("way", effect.way);
        return;
      case "refresh-qr":
        void work("refresh", async (id) => {
          const answer = await pairing.refreshQr({ sessionId: effect.sessionId, requestId: id });
          return { type: "refreshed", frame: toFrame(answer) };
        });
        return;
      case "confirm":
        void work("confirm", async (id) => {
          await pairing.confirmCode({
            sessionId: effect.sessionId,
            requestId: id,
            pairingCode: effect.code,
          });
          return { type: "code-right" };
        });
        return;
      case "hand-off":
        void work("handoff", async (id) => {
          const answer = await pairing.createHandoff({ sessionId: effect.sessionId, requestId: id });
          const token = toBase64Url(answer.handoffToken);
          const url = `${services.config.app.url}#h=${toBase64Url(effect.sessionId)}.${token}`;
          return { type: "app-url", url };
        });
        return;
      case "stop":
        void work("stop", async (id) => {
          await session.cancelSession({
            sessionId: effect.sessionId,
            requestId: id,
            reason: CancelReason.USER_CANCELLED,
          });
          return { type: "stopped" };
        });
        return;
      case "complete":
        void leave("complete", async () => {
          await completeReturn(services, toBase64Url(effect.sessionId));
          return { type: "completed" };
        });
        return;
      case "renew":
        void leave("complete", async () => {
          await renew(toBase64Url(effect.sessionId));
          return { type: "completed" };
        });
        return;
      case "sign-in":
        void leave("sign-in", async () => {
          await askSignIn(services, effect.purpose, toBase64Url(effect.sessionId), parts.locale());
          return null;
        });
        return;
      case "begin":
        void leave("begin", async () => {
          const how = await begin(services, actName(effect.act), effect.way, parts.locale());
          return how === "begun" ? { type: "begun" } : null;
        });
        return;
    }
  }

  /** After a sign-in within the session: from here on another credential. */
  async function renew(sessionId: string): Promise<void> {
    try {
      await bindAccount(services, sessionId);
    } catch (thrown) {
      // Another account has signed in: it can do nothing here, which the decision says.
      if (problemOf(thrown).reason !== "ACCOUNT_ALREADY_BOUND") throw thrown;
    }
  }

  /** Makes a call with a request id, and tells what came of it. */
  async function work(name: Work, call: (id: Uint8Array<ArrayBuffer>) => Promise<Event>): Promise<void> {
    const id = requestIds.get(name) ?? requestId(services);
    requestIds.set(name, id);
    try {
      const event = await withRetry(services.timer, () => call(id));
      requestIds.delete(name);
      send(event);
    } catch (thrown) {
      requestIds.delete(name);
      send({ type: "refused", work: name, problem: problemOf(thrown) });
    }
  }

  /** The same for what keeps its own request id, or ends in another document. null: that is on its way. */
  async function leave(name: Work, call: () => Promise<Event | null>): Promise<void> {
    try {
      const event = await call();
      if (event !== null) send(event);
    } catch (thrown) {
      send({ type: "refused", work: name, problem: problemOf(thrown) });
    }
  }

  // Streams: those that the state needs are open, no others.
  const kept: Record<"session" | "frames", { name: string; stream: KeptStream } | null> = {
    session: null,
    frames: null,
  };
  const refused: Record<"session" | "frames", number> = { session: -Infinity, frames: -Infinity };
  const pending = new Set<() => void>();

  function later(ms: number, run: () => void): () => void {
    const cancel = services.timer.after(ms, () => {
      pending.delete(cancel);
      run();
    });
    pending.add(cancel);
    return () => {
      cancel();
      pending.delete(cancel);
    };
  }

  function common(which: "session" | "frames") {
    return {
      timer: services.timer,
      random: (octets: number) => services.random(octets),
      onRefused: (problem: ReturnType<typeof problemOf>) => {
        refused[which] = services.clock.now();
        kept[which] = null;
        later(REFUSED_PAUSE_MS, reconcile);
        send({ type: "stream-refused", problem });
      },
      onDown: () => send({ type: "stream-down" }),
      onUp: () => send({ type: "stream-up" }),
    };
  }

  function open(which: "session" | "frames", sessionId: Uint8Array): KeptStream {
    if (which === "session") {
      return keepStream({
        ...common(which),
        open: (signal) => streams.session.watchSession({ sessionId }, { signal }),
        onMessage: ({ session: view }) => {
          if (view !== undefined) send({ type: "view", view });
        },
        stallMs: null,
      });
    }
    return keepStream({
      ...common(which),
      open: (signal) => streams.pairing.watchQrFrames({ sessionId }, { signal }),
      onMessage: (message) => send({ type: "frame", frame: toFrame(message) }),
      stallMs: FRAME_STALL_MS,
    });
  }

  function reconcile(): void {
    const needed = streamsOf(store.state);
    const sessionId = store.state.view?.sessionId;
    for (const which of ["session", "frames"] as const) {
      const name = stopped || sessionId === undefined ? null : needed[which];
      const full = name === null || sessionId === undefined ? null : `${toBase64Url(sessionId)} ${name}`;
      const now = kept[which];
      if (now?.name === full) continue;
      now?.stream.stop();
      kept[which] = null;
      if (full === null || sessionId === undefined) continue;
      if (services.clock.now() - refused[which] < REFUSED_PAUSE_MS) continue;
      kept[which] = { name: full, stream: open(which, sessionId) };
    }
  }

  // The end of the session is looked at even if no stream says so.
  let due: { at: number; cancel: () => void } | null = null;
  function schedule(): void {
    const at = dueAt(store.state);
    if (due?.at === at) return;
    due?.cancel();
    due = null;
    if (at === null) return;
    const wait = Math.max(0, at - services.clock.now()) + DUE_MARGIN_MS;
    due = { at, cancel: later(wait, () => send({ type: "look" })) };
  }

  function remember(): void {
    const { view, present } = store.state;
    if (view === null || !present) return;
    const id = toBase64Url(view.sessionId);
    if (view.state === SessionState.READY) services.present.add(id);
    if (!isLive(view)) services.present.delete(id);
  }

  store.subscribe(() => {
    remember();
    reconcile();
    schedule();
  });

  function nudge(): void {
    kept.session?.stream.nudge();
    kept.frames?.stream.nudge();
  }

  tabs.onClaim(() => send({ type: "other-tab" }));
  const unlisten = surroundings.listen({
    offline: () => send({ type: "offline" }),
    online: () => {
      send({ type: "online" });
      nudge();
    },
    look: () => {
      send({ type: "look" });
      nudge();
    },
  });
  if (!surroundings.isOnline()) send({ type: "offline" });
  send({ type: "load" });

  return {
    store,
    stop() {
      stopped = true;
      reconcile();
      for (const cancel of pending) cancel();
      unlisten();
      tabs.close();
    },
  };
}

function actName(act: Act): BeginAct {
  if (act === Act.UNLINK) return "UNLINK";
  return act === Act.REPLACE ? "REPLACE" : "LINK";
}

function toFrame(message: RefreshQrResponse | WatchQrFramesResponse): Frame {
  if (message.frame === undefined || message.pageExpiresAt === undefined) throw new Refused("INTERNAL");
  return {
    payload: message.frame.payload,
    generation: message.frame.generation,
    pageExpiresAt: timestampMs(message.pageExpiresAt),
    refreshesLeft: message.refreshesLeft,
  };
}

/** The tabs of a real browser. A browser without BroadcastChannel has one tab as far as we know. */
export function browserTabs(): Tabs {
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("musubi");
  return {
    claim() {
      channel?.postMessage("claim");
    },
    onClaim(listener) {
      channel?.addEventListener("message", () => listener());
    },
    close() {
      channel?.close();
    },
  };
}

export function browserSurroundings(): Surroundings {
  return {
    isOnline: () => navigator.onLine,
    guessWay: () => guessWay(readDevice()),
    listen(on) {
      const visible = () => {
        if (document.visibilityState === "visible") on.look();
      };
      const listeners: [EventTarget, string, () => void][] = [
        [window, "offline", on.offline],
        [window, "online", on.online],
        [window, "pageshow", on.look],
        [document, "visibilitychange", visible],
      ];
      for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
      return () => {
        for (const [target, name, listener] of listeners) target.removeEventListener(name, listener);
      };
    },
  };
}
