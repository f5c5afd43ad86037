import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { FakeTime } from "./fake_time.ts";
import { keepStream } from "./stream.ts";

/** A server whose streams the test drives: each opening takes the next script. */
function scripted(
  scripts: ((signal: AbortSignal) => AsyncIterable<number>)[],
  stallMs: number | null = null,
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

  test("says nothing of one failure, and something of two; then that it is back", async () => {
    const { time, log } = scripted([fail(Code.Unavailable), fail(Code.Unavailable), () => say(5)]);
    await settle();
    expect(log).toEqual([]);
    time.advance(250);
    await settle();
    expect(log).toEqual(["down"]);
    time.advance(1000);
    await settle();
    expect(log).toEqual(["down", "up", "message 5"]);
  });

  test("waits longer each time, up to 10 s", async () => {
    const { time, openings } = scripted(Array.from({ length: 9 }, () => fail(Code.Unavailable)));
    await settle();
    for (const pause of [250, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      const before = openings();
      time.advance(pause - 1);
      await settle();
      expect(openings()).toBe(before);
      time.advance(1);
      await settle();
      expect(openings()).toBe(before + 1);
    }
  });

  test("does not wait when nudged", async () => {
    const { log, stream } = scripted([fail(Code.Unavailable), () => say(7)]);
    await settle();
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
    time.advance(250);
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
