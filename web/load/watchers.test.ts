// Many PCs before one tier, in small: real sockets and HTTP/2's windows, fake services, fake time. What a
// reader who reads nothing costs is counted, not timed.
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WatchQrFramesResponseSchema } from "../gen/musubi/v1/pairing_pb.ts";
import { TestTier } from "../server/harness.ts";
import { ORIGIN } from "../server/testing.ts";
import { Pc } from "./pc.ts";

const WATCHERS = 40;
const SLOW = 4;
/** Longer than a real frame, so that fewer fill what the reader's own side takes unread. */
const PAYLOAD = "f".repeat(2_000);
/** With envelope and fields. */
const FRAME_OCTETS = PAYLOAD.length + 32;
/** HTTP/2's window of a slow reader. */
const WINDOW = 4_096;
/** What a Node stream, on either side, holds before it says that it is full. */
const HIGH_WATER_MARK = 65_536;
/** Many more than a slow reader's own side takes. */
const SENT = 80;

/** The services' side of all streams: a test says when a frame comes. */
class Frames {
  #number = 0;
  readonly #readers = new Set<(frame: number) => void>();

  get readers(): number {
    return this.#readers.size;
  }

  next(): void {
    this.#number += 1;
    for (const reader of this.#readers) reader(this.#number);
  }

  async *stream(signal: AbortSignal): AsyncGenerator<object> {
    const queue: number[] = [];
    let wake = (): void => undefined;
    const reader = (frame: number): void => {
      queue.push(frame);
      wake();
    };
    this.#readers.add(reader);
    signal.addEventListener("abort", () => wake());
    try {
      while (!signal.aborted) {
        const frame = queue.shift();
        if (frame === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield create(WatchQrFramesResponseSchema, { frame: frameOf(frame) });
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}

function frameOf(number: number): { payload: string; frameNumber: bigint; generation: number } {
  return { payload: PAYLOAD, frameNumber: BigInt(number), generation: 1 };
}

let tier: TestTier;
let frames: Frames;
let server: Http2Server;
let live: Set<ServerHttp2Stream>;
const pcs: Pc[] = [];

vi.setConfig({ testTimeout: 60_000 });

beforeEach(async () => {
  tier = await TestTier.start();
  frames = new Frames();
  tier.services.streams.set("WatchQrFrames", (signal) => frames.stream(signal));
  await tier.server.app.ready();
  // As the tier serves it, but without TLS.
  server = createServer((request, response) => tier.server.app.routing(request as never, response as never));
  live = new Set();
  server.on("stream", (stream) => {
    live.add(stream);
    stream.once("close", () => live.delete(stream));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Sockets have timers of their own, which this leaves alone.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(async () => {
  vi.useRealTimers();
  for (const pc of pcs.splice(0)) pc.close();
  await new Promise((resolve) => server.close(resolve));
  await tier.close();
});

function newPc(index: number, window?: number): { pc: Pc; sessionId: Buffer } {
  const sessionId = Buffer.alloc(16, index + 1);
  const cookie = tier.sessionCookie({ id: sessionId.toString("base64url") });
  const port = (server.address() as AddressInfo).port;
  const pc = new Pc({
    origin: ORIGIN,
    connect: () => connect(port, "127.0.0.1"),
    headers: { cookie },
    ...(window === undefined ? {} : { window }),
  });
  pcs.push(pc);
  return { pc, sessionId };
}

/** Turns of the event loop until `so`; each lets sockets do what they have to. */
async function until(so: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000; ++turn) {
    if (so()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never: ${so.toString()}`);
}

interface Reader {
  seen: bigint[];
  /** Gives what ended it: the error, if it was one. */
  end: Promise<unknown>;
}

function read(index: number): Reader {
  const { pc, sessionId } = newPc(index);
  const seen: bigint[] = [];
  const readAll = async (): Promise<void> => {
    for await (const { frame } of pc.pairing.watchQrFrames({ sessionId }))
      seen.push(frame?.frameNumber ?? -1n);
  };
  return { seen, end: readAll().catch((error: unknown) => error) };
}

/** Opens a stream, takes its first frame, and then nothing. */
async function readOnce(index: number): Promise<AsyncIterator<unknown>> {
  const { pc, sessionId } = newPc(index, WINDOW);
  const stream = pc.pairing.watchQrFrames({ sessionId })[Symbol.asyncIterator]();
  const first = stream.next();
  await until(() => frames.readers > index);
  frames.next();
  await first;
  return stream;
}

test("slow readers hold a bounded number of octets, the others get every frame, and time cuts the slow off", async () => {
  const slow: AsyncIterator<unknown>[] = [];
  for (let index = 0; index < SLOW; ++index) slow.push(await readOnce(index));
  const readers = Array.from({ length: WATCHERS - SLOW }, (_, index) => read(SLOW + index));
  await until(() => frames.readers === WATCHERS);

  for (let frame = 0; frame < SENT; ++frame) {
    frames.next();
    await until(() => readers.every((reader) => reader.seen.length === frame + 1));
  }
  const unsent = [...live].map((stream) => stream.writableLength).filter((octets) => octets > 0);
  expect(unsent).toHaveLength(SLOW);
  expect(Math.max(...unsent)).toBeLessThanOrEqual(FRAME_OCTETS);

  vi.advanceTimersByTime(tier.config.limits.stalled_seconds * 1_000);
  await until(() => live.size === WATCHERS - SLOW);
  await until(() => frames.readers === WATCHERS - SLOW);
  const metrics = await tier.metrics.registry.metrics();
  expect(metrics).toContain(`musubi_web_streams_stalled_total ${SLOW}\n`);
  expect(metrics).toContain(`musubi_web_streams ${WATCHERS - SLOW}\n`);
  frames.next();
  await until(() => readers.every((reader) => reader.seen.length === SENT + 1));
  for (const { seen } of readers) {
    expect(seen).toEqual(seen.map((_, index) => BigInt(SLOW + index + 1)));
  }
});

test("a reader that reads again gets what was on its way, and then the newest, not all that it missed", async () => {
  const stream = await readOnce(0);
  const fast = read(1);
  await until(() => frames.readers === 2);
  for (let frame = 0; frame < SENT; ++frame) {
    frames.next();
    await until(() => fast.seen.length === frame + 1);
  }
  let taken = 0;
  let last = 0n;
  while (last < BigInt(SENT + 1)) {
    const { value } = (await stream.next()) as { value: { frame: { frameNumber: bigint } } };
    last = value.frame.frameNumber;
    taken += 1;
  }
  // What its own side took, the one that was being sent, and the newest.
  expect(taken).toBeLessThanOrEqual(Math.ceil((HIGH_WATER_MARK + WINDOW) / PAYLOAD.length) + 2);
});

test("a PC that goes away frees its stream, read or not", async () => {
  await readOnce(0);
  const gone = read(1);
  await until(() => frames.readers === 2);
  for (let frame = 0; frame < SENT; ++frame) {
    frames.next();
    await until(() => gone.seen.length === frame + 1);
  }
  for (const pc of pcs) pc.close();
  await until(() => frames.readers === 0);
  expect(await tier.metrics.registry.metrics()).toContain("musubi_web_streams 0\n");
});

test("a drain ends every stream with its reason", async () => {
  const readers = Array.from({ length: WATCHERS }, (_, index) => read(index));
  await until(() => frames.readers === WATCHERS);
  frames.next();
  await until(() => readers.every((reader) => reader.seen.length === 1));
  const drained = tier.server.drain();
  for (const { end } of readers) {
    expect(ConnectError.from(await end).code).toBe(Code.Unavailable);
  }
  await drained;
});
