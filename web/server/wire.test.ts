// The tier on real sockets: both protocols, streams, readers that do not read, a stop, services that go
// and come back. Over HTTP/1.1 without TLS, as behind an ingress; HTTP/2 with TLS is in e2e.
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from "node:http2";
import { once } from "node:events";
import { connect, type AddressInfo, type Socket } from "node:net";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { SessionState } from "../gen/musubi/v1/common_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { BROWSER_RPC } from "../shared/routes.ts";
import { HOST, SESSION_ID, TestTier } from "./harness.ts";
import { ORIGIN } from "./testing.ts";

let tier: TestTier;
let port: number;

async function listen(options?: Parameters<typeof TestTier.start>[0]): Promise<void> {
  tier = await TestTier.start(options);
  await tier.server.app.listen({ host: "127.0.0.1", port: 0 });
  port = (tier.server.app.server.address() as AddressInfo).port;
}
afterEach(async () => {
  await tier.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function transportOf(protocol: "connect" | "grpc-web"): Transport {
  const make = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  return make({
    baseUrl: `http://127.0.0.1:${port}${BROWSER_RPC}`,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        request.header.set("host", HOST);
        request.header.set("origin", ORIGIN);
        request.header.set("cookie", tier.sessionCookie());
        return next(request);
      },
    ],
  });
}
const reasonOf = (error: unknown): string | undefined =>
  ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const message of stream) seen.push(message);
  return seen;
}
async function failure(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
  } catch (error) {
    return reasonOf(error) ?? String(error);
  }
  return undefined;
}

describe.each(["connect", "grpc-web"] as const)("a page that speaks %s", (protocol) => {
  let session: Client<typeof SessionService>;
  let pairing: Client<typeof PairingService>;
  beforeEach(async () => {
    await listen();
    session = createClient(SessionService, transportOf(protocol));
    pairing = createClient(PairingService, transportOf(protocol));
  });

  it("gets the answer of a call, and the reason of a refusal", async () => {
    tier.services.answers.set("GetSession", () => ({ session: { state: SessionState.PAIRED } }));
    expect((await session.getSession({ sessionId: SESSION_ID })).session?.state).toBe(SessionState.PAIRED);
    expect(await failure(session.getSession({ sessionId: Buffer.alloc(16) }))).toBe("SESSION_REPLACED");
  });

  it("gets a stream to its end, and the services learn when it leaves", async () => {
    tier.services.streams.set("WatchQrFrames", () => createAsyncIterable([{ refreshesLeft: 3 }]));
    const seen = await all(pairing.watchQrFrames({ sessionId: SESSION_ID }));
    expect(seen.map((message) => message.refreshesLeft)).toEqual([3]);

    const left = Promise.withResolvers<undefined>();
    tier.services.streams.set("WatchQrFrames", async function* (signal) {
      yield { refreshesLeft: 2 };
      await once(signal, "abort");
      left.resolve(undefined);
    });
    const page = new AbortController();
    const stream = pairing.watchQrFrames({ sessionId: SESSION_ID }, { signal: page.signal });
    const next = await stream[Symbol.asyncIterator]().next();
    expect(next).toMatchObject({ value: { refreshesLeft: 2 } });
    page.abort();
    await left.promise;
    await expect.poll(() => tier.log.some((line) => line.includes('"outcome":"LEFT"'))).toBe(true);
    await expect.poll(async () => (await tier.metrics.streams.get()).values[0]?.value).toBe(0);
  });

  it("gets the reason why a stream is refused, or breaks", async () => {
    expect(await failure(all(session.watchSession({ sessionId: Buffer.alloc(16) })))).toBe(
      "SESSION_REPLACED",
    );
    tier.services.streams.set("WatchSession", async function* () {
      yield { session: { state: SessionState.CREATED } };
      await Promise.reject(new ConnectError("gone", Code.Unavailable));
    });
    const seen: number[] = [];
    const reason = await failure(
      (async () => {
        for await (const message of session.watchSession({ sessionId: SESSION_ID })) {
          seen.push(message.session?.state ?? 0);
        }
      })(),
    );
    expect(reason).toBe("UNAVAILABLE");
    expect(seen).toEqual([SessionState.CREATED]);
  });

  it("is told that the tier is being stopped, while calls that run are answered", async () => {
    tier.services.streams.set("WatchSession", async function* (signal) {
      yield { session: { state: SessionState.CREATED } };
      await once(signal, "abort");
    });
    const asked = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<object>();
    tier.services.answers.set("GetSession", () => {
      asked.resolve(undefined);
      return answer.promise;
    });
    const stream = session.watchSession({ sessionId: SESSION_ID })[Symbol.asyncIterator]();
    await stream.next();
    const call = session.getSession({ sessionId: SESSION_ID });
    await asked.promise;
    expect(tier.server.ready()).toBe(true);
    const drained = tier.server.drain();
    expect(tier.server.ready()).toBe(false);
    expect(await failure(stream.next())).toBe("DRAINING");
    answer.resolve({ session: { state: SessionState.PAIRED } });
    expect((await call).session?.state).toBe(SessionState.PAIRED);
    await drained;
  });
});

describe("a reader that does not read", () => {
  const FRAME = { frame: { payload: "x".repeat(65_536) } };

  /** Asks for a stream and reads nothing of it. */
  async function deafReader(): Promise<Socket> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => undefined);
    socket.pause();
    const message = JSON.stringify({ sessionId: SESSION_ID.toString("base64") });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    socket.write(
      `POST ${BROWSER_RPC}/musubi.v1.PairingService/WatchQrFrames HTTP/1.1\r\nHost: ${HOST}\r\n` +
        `Origin: ${ORIGIN}\r\nCookie: ${tier.sessionCookie()}\r\nContent-Type: application/connect+json\r\n` +
        `Content-Length: ${message.length + 5}\r\n\r\n`,
    );
    socket.write(Buffer.concat([head, Buffer.from(message)]));
    return socket;
  }

  it("costs no more than the newest message, and is cut off in the end", async () => {
    // connect-fastify says there that the connection broke.
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await listen();
    let sent = 0;
    const gone = Promise.withResolvers<undefined>();
    tier.services.streams.set("WatchQrFrames", async function* (signal) {
      signal.addEventListener("abort", () => gone.resolve(undefined));
      while (!signal.aborted) {
        sent += 1;
        yield FRAME;
        // Lets sockets have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const socket = await deafReader();
    const closed = once(socket, "close");
    const dropped = async (): Promise<number> => (await tier.metrics.dropped.get()).values[0]?.value ?? 0;
    // As soon as the socket's buffers are full, each new message takes the place of the one before.
    const wait = async (until: () => Promise<boolean>): Promise<void> => {
      while (!(await until())) await new Promise((resolve) => setImmediate(resolve));
    };
    await wait(async () => (await dropped()) > 200);
    const taken = sent - (await dropped());
    const before = await dropped();
    await wait(async () => (await dropped()) > before + 200);
    expect(sent - (await dropped())).toBeLessThanOrEqual(taken + 1);

    await vi.advanceTimersByTimeAsync(tier.config.limits.stalled_seconds * 1_000);
    await gone.promise;
    socket.resume();
    await closed;
    expect((await tier.metrics.stalled.get()).values[0]?.value).toBe(1);
    await wait(async () => (await tier.metrics.streams.get()).values[0]?.value === 0);
  });
});

describe("services that are started again", () => {
  const sessions = new Set<ServerHttp2Session>();
  async function startServices(at: number): Promise<Http2Server> {
    const server = createHttp2Server(
      connectNodeAdapter({
        routes: (router) =>
          router.service(SessionService, {
            getSession: () => ({ session: { state: SessionState.PAIRED } }),
            async *watchSession(_, context) {
              yield { session: { state: SessionState.PAIRED } };
              await once(context.signal, "abort");
            },
          }),
      }),
    );
    server.on("session", (one) => {
      sessions.add(one);
      one.on("close", () => sessions.delete(one));
    });
    server.listen(at, "127.0.0.1");
    await once(server, "listening");
    return server;
  }
  async function crash(server: Http2Server): Promise<void> {
    for (const one of sessions) one.destroy();
    server.close();
    await once(server, "close");
  }

  it("cost a stream and the calls meanwhile, each with UNAVAILABLE, and nothing afterwards", async () => {
    const first = await startServices(0);
    const at = (first.address() as AddressInfo).port;
    await listen({ transport: createGrpcTransport({ baseUrl: `http://127.0.0.1:${at}` }) });
    const session = createClient(SessionService, transportOf("connect"));
    const stream = session.watchSession({ sessionId: SESSION_ID })[Symbol.asyncIterator]();
    await stream.next();
    await crash(first);
    expect(await failure(stream.next())).toBe("UNAVAILABLE");
    expect(await failure(session.getSession({ sessionId: SESSION_ID }))).toBe("UNAVAILABLE");
    const second = await startServices(at);
    expect((await session.getSession({ sessionId: SESSION_ID })).session?.state).toBe(SessionState.PAIRED);
    await crash(second);
  });
});
