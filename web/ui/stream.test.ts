import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { FakeTime } from "./fake_time.ts";
import { keepStream, PAUSE_AFTER_END_MS, PAUSES_MS, STEADY_MS } from "./stream.ts";

/** A server whose streams the test drives: each opening takes the next script. */
function scripted(
  scripts: ((signal: AbortSignal) => AsyncIterable<number>)[],
  stallMs: number | null = null,
  /** What chance gives: all octets of it. */
  octet = 0xff,
) {
  const time = new FakeTime();
  const log: string[] = [];
  let openings = 0;
  const stream = keepStream({
    open: (signal) => {
      const script = scripts[openings] ?? forever;
      openings += 1;
      return script(signal);
    },
    timer: time,
    random: (octets) => new Uint8Array(octets).fill(octet),
    onMessage: (message) => log.push(`message ${message}`),
    onRefused: (problem) => log.push(`refused ${problem.reason}`),
    onDown: () => log.push("down"),
    onUp: () => log.push("up"),
    stallMs,
  });
  return { time, log, stream, openings: () => openings };
}

async function* say(...numbers: number[]) {
  for (const number of numbers) yield await Promise.resolve(number);
}

function fail(code: Code, reason?: string) {
  return async function* (): AsyncGenerator<number> {
    await Promise.resolve();
    const details =
      reason === undefined ? [] : [{ desc: ErrorInfoSchema, value: { reason, domain: "musubi" } }];
    throw new ConnectError("no", code, undefined, details);
  };
}

/** Says one thing, and breaks after a while. */
function sayAndBreak(time: () => FakeTime, ms: number) {
  return async function* (): AsyncGenerator<number> {
    yield 1;
    await new Promise<void>((resolve) => time().after(ms, resolve));
    throw new ConnectError("no", Code.Unavailable);
  };
}

/** As fail(), and says when to come again. */
function askedToWait(seconds: number) {
  return async function* (): AsyncGenerator<number> {
    await Promise.resolve();
    const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(seconds) } } };
    throw new ConnectError("no", Code.Unavailable, undefined, [retry]);
  };
}

async function* forever(signal: AbortSignal): AsyncGenerator<number> {
  yield 0;
  await new Promise((_resolve, reject: (error: Error) => void) => {
    signal.addEventListener("abort", () => reject(new ConnectError("aborted", Code.Canceled)));
  });
}

/** Lets everything that is promised happen; no time passes. */
async function settle() {
  for (let i = 0; i < 40; i += 1) await Promise.resolve();
}

describe("a kept stream", () => {
  test("is opened again after a good end, without a word", async () => {
    const { time, log } = scripted([() => say(1, 2), () => say(3)]);
    await settle();
    expect(log).toEqual(["message 1", "message 2"]);
    time.advance(1000);
    await settle();
    expect(log).toEqual(["message 1", "message 2", "message 3"]);
  });

  test("says nothing of two failures, and something of three; then that it is back", async () => {
    const down = fail(Code.Unavailable);
    const { time, log } = scripted([down, down, down, () => say(5)]);
    await settle();
    time.advance(0);
    await settle();
    expect(log).toEqual([]);
    time.advance(750);
    await settle();
    expect(log).toEqual(["down"]);
    time.advance(1500);
    await settle();
    expect(log).toEqual(["down", "up", "message 5"]);
  });

  test.each([
    ["shortest", 0, [0, 250, 500, 1000, 2000, 2000]],
    ["longest", 0xff, [0, 750, 1500, 3000, 4000, 4000]],
    // 0x4040 of 0xffff.
    ["a quarter", 0x40, [0, 376, 751, 1502, 2502, 2502]],
  ])("tries again at once, then waits longer, as chance has it: %s", async (_, octet, pauses) => {
    const scripts = Array.from({ length: pauses.length + 1 }, () => fail(Code.Unavailable));
    const { time, openings } = scripted(scripts, null, octet);
    await settle();
    for (const pause of pauses) {
      const before = openings();
      time.advance(pause - 1);
      await settle();
      expect(openings()).toBe(before);
      time.advance(1);
      await settle();
      expect(openings()).toBe(before + 1);
    }
  });

  test("waits no longer than 4 s while nobody asks for more", () => {
    expect(Math.max(...PAUSES_MS.map(({ max }) => max), PAUSE_AFTER_END_MS.max)).toBe(4000);
    expect(PAUSES_MS[0]).toEqual({ min: 0, max: 0 });
    // No two pages at one moment, from the second retry on.
    for (const { min, max } of PAUSES_MS.slice(1)) expect(max - min).toBeGreaterThanOrEqual(min);
  });

  test.each([
    ["no sooner than it is asked to", 0, 10_000],
    ["and not when all others do", 0xff, 15_000],
  ])("comes again %s", async (_, octet, wait) => {
    const { time, openings } = scripted([askedToWait(10)], null, octet);
    await settle();
    time.advance(wait - 1);
    await settle();
    expect(openings()).toBe(1);
    time.advance(1);
    await settle();
    expect(openings()).toBe(2);
  });

  test("that breaks after each message is not opened again and again at once", async () => {
    const brief = sayAndBreak(() => kept.time, STEADY_MS - 1);
    const kept = scripted([brief, brief, forever]);
    await settle();
    kept.time.advance(STEADY_MS - 1);
    await settle();
    kept.time.advance(0);
    await settle();
    kept.time.advance(STEADY_MS - 1);
    await settle();
    kept.time.advance(749);
    await settle();
    expect(kept.openings()).toBe(2);
    kept.time.advance(1);
    await settle();
    expect(kept.openings()).toBe(3);
  });

  test("that was steady is opened again at once", async () => {
    const steady = sayAndBreak(() => kept.time, STEADY_MS + 1);
    const kept = scripted([steady, steady, forever]);
    await settle();
    for (const openings of [2, 3]) {
      kept.time.advance(STEADY_MS + 1);
      await settle();
      kept.time.advance(0);
      await settle();
      expect(kept.openings()).toBe(openings);
    }
  });

  test("does not wait when nudged", async () => {
    const { time, log, stream } = scripted([fail(Code.Unavailable), fail(Code.Unavailable), () => say(7)]);
    await settle();
    time.advance(0);
    await settle();
    expect(log).toEqual([]);
    stream.nudge();
    await settle();
    expect(log).toEqual(["message 7"]);
  });

  test("ends for good when it is refused", async () => {
    const { time, log, openings } = scripted([fail(Code.FailedPrecondition, "QR_PAGE_EXPIRED")]);
    await settle();
    expect(log).toEqual(["refused QR_PAGE_EXPIRED"]);
    time.advance(60_000);
    await settle();
    expect(openings()).toBe(1);
  });

  test("that falls silent is opened again", async () => {
    const { time, log, openings } = scripted([forever], 6000);
    await settle();
    expect(log).toEqual(["message 0"]);
    time.advance(6000);
    await settle();
    time.advance(0);
    await settle();
    expect(openings()).toBe(2);
  });

  test("stops: nothing comes any more, and no timer is left", async () => {
    const { time, log, stream } = scripted([forever], 6000);
    await settle();
    stream.stop();
    await settle();
    expect(log).toEqual(["message 0"]);
    expect(time.waiting).toBe(0);
  });
});
