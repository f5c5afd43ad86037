import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Streams, type StreamOptions } from "./streams.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const LIMITS = { most: 4, mostPerOwner: 2, stalledMs: 30_000, longestMs: 600_000 };

/** A stream of the services, pushed by the test. */
class Source {
  readonly #queue: number[] = [];
  #ended: { error?: unknown } | undefined;
  #wake = (): void => undefined;
  opened = 0;
  closed = 0;
  push(...messages: number[]): void {
    this.#queue.push(...messages);
    this.#wake();
  }
  end(error?: unknown): void {
    this.#ended = error === undefined ? {} : { error };
    this.#wake();
  }
  async *open(signal: AbortSignal): AsyncGenerator<number> {
    this.opened += 1;
    signal.addEventListener("abort", () => this.#wake());
    try {
      for (;;) {
        const message = this.#queue.shift();
        if (message !== undefined) yield message;
        else if (signal.aborted) throw signal.reason;
        else if (this.#ended !== undefined) {
          if ("error" in this.#ended) throw this.#ended.error;
          return;
        } else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.closed += 1;
    }
  }
}

class Setup {
  readonly counts: number[] = [];
  dropped = 0;
  stalled = 0;
  readonly streams: Streams;
  constructor(limits: Partial<typeof LIMITS> = {}) {
    this.streams = new Streams(
      { ...LIMITS, ...limits },
      {
        onCount: (count) => this.counts.push(count),
        onDropped: () => (this.dropped += 1),
        onStalled: () => (this.stalled += 1),
      },
    );
  }
  open(source: Source, options: Partial<StreamOptions<number>> = {}): AsyncGenerator<number> {
    return this.streams.run({
      owner: "one",
      signal: new AbortController().signal,
      hangUp: () => undefined,
      open: (signal) => source.open(signal),
      ...options,
    });
  }
}

/** Lets everything run that waits for nothing but other code. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const reasonOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => value,
    (error: unknown) => (error as { reason?: string }).reason ?? error,
  );

describe("a stream", () => {
  it("gives what the services send, and ends when they do", async () => {
    const setup = new Setup();
    const source = new Source();
    const stream = setup.open(source);
    const first = stream.next();
    await settle();
    source.push(1);
    expect(await first).toEqual({ done: false, value: 1 });
    source.push(2);
    await settle();
    source.end();
    expect(await stream.next()).toEqual({ done: false, value: 2 });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(setup.counts).toEqual([1, 0]);
    expect(source.closed).toBe(1);
  });

  it("throws what the services' stream throws, after the last message", async () => {
    const setup = new Setup();
    const source = new Source();
    const error = new Error("x");
    const stream = setup.open(source);
    source.push(1);
    source.end(error);
    expect(await stream.next()).toMatchObject({ value: 1 });
    await expect(stream.next()).rejects.toBe(error);
    expect(setup.streams.size).toBe(0);
  });

  it("that is read slowly keeps the newest message alone, however many come", async () => {
    const setup = new Setup();
    const source = new Source();
    const stream = setup.open(source);
    source.push(0);
    expect(await stream.next()).toMatchObject({ value: 0 });
    for (let i = 1; i <= 10_000; ++i) source.push(i);
    await settle();
    expect(await stream.next()).toMatchObject({ value: 10_000 });
    expect(setup.dropped).toBe(9_999);
    await stream.return(undefined);
    expect(setup.streams.size).toBe(0);
  });

  it("that nobody reads is cut off, and the services' stream with it", async () => {
    const setup = new Setup();
    const source = new Source();
    const hangUp = vi.fn();
    const stream = setup.open(source, { hangUp });
    source.push(1);
    await stream.next();
    await vi.advanceTimersByTimeAsync(LIMITS.stalledMs - 1);
    expect(hangUp).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(hangUp).toHaveBeenCalledOnce();
    expect(setup.stalled).toBe(1);
    expect(source.closed).toBe(1);
    expect(await reasonOf(stream.next())).toBe("UNAVAILABLE");
  });

  it("with nothing to read is not cut off", async () => {
    const setup = new Setup();
    const source = new Source();
    const stream = setup.open(source);
    const next = stream.next();
    await vi.advanceTimersByTimeAsync(2 * LIMITS.stalledMs);
    source.push(1);
    expect(await next).toMatchObject({ value: 1 });
    expect(setup.stalled).toBe(0);
    await stream.return(undefined);
  });

  it("ends with its browser's call, and so does the services' one", async () => {
    const setup = new Setup();
    const source = new Source();
    const browser = new AbortController();
    const next = setup.open(source, { signal: browser.signal }).next();
    await settle();
    browser.abort(new Error("left"));
    await expect(next).rejects.toThrow("left");
    await settle();
    expect(source.closed).toBe(1);
    expect(setup.streams.size).toBe(0);
  });

  it("of a call that has ended already asks the services for nothing that lasts", async () => {
    const setup = new Setup();
    const source = new Source();
    const next = setup.open(source, { signal: AbortSignal.abort(new Error("left")) }).next();
    await expect(next).rejects.toThrow("left");
    await settle();
    expect(source.closed).toBe(source.opened);
  });

  it("repeats an unchanged view, so that both ends know that the other lives", async () => {
    const setup = new Setup();
    const source = new Source();
    const stream = setup.open(source, { heartbeatMs: 20_000 });
    source.push(1);
    expect(await stream.next()).toMatchObject({ value: 1 });
    const second = stream.next();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await second).toMatchObject({ value: 1 });
    source.push(2);
    expect(await stream.next()).toMatchObject({ value: 2 });
    const third = stream.next();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await third).toMatchObject({ value: 2 });
    await stream.return(undefined);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends after its longest time, with a reason to begin a new one", async () => {
    const setup = new Setup();
    const stream = setup.open(new Source());
    const reason = reasonOf(stream.next());
    await vi.advanceTimersByTimeAsync(LIMITS.longestMs);
    expect(await reason).toBe("UNAVAILABLE");
    expect(setup.streams.size).toBe(0);
  });
});

describe("limits of streams", () => {
  const start = (setup: Setup, owner: string): Promise<unknown> =>
    reasonOf(setup.open(new Source(), { owner }).next());

  it("of one owner end the oldest when a newer one begins", async () => {
    const setup = new Setup();
    const oldest = start(setup, "one");
    void start(setup, "one");
    await settle();
    expect(setup.streams.size).toBe(2);
    void start(setup, "one");
    expect(await oldest).toBe("TOO_MANY_REQUESTS");
    expect(setup.streams.size).toBe(2);
    void start(setup, "other");
    await settle();
    expect(setup.streams.size).toBe(3);
    setup.streams.drain();
  });

  it("of the process refuse one more", async () => {
    const setup = new Setup();
    for (const owner of ["a", "b", "c", "d"]) void start(setup, owner);
    await settle();
    expect(await start(setup, "e")).toBe("OVERLOADED");
    expect(setup.streams.size).toBe(4);
    setup.streams.drain();
  });

  it("a stop ends all with DRAINING, and refuses new ones", async () => {
    const setup = new Setup();
    const streams = [start(setup, "a"), start(setup, "b")];
    await settle();
    setup.streams.drain();
    expect(await Promise.all(streams)).toEqual(["DRAINING", "DRAINING"]);
    expect(await start(setup, "c")).toBe("DRAINING");
    expect(setup.streams.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
