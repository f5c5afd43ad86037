// Live streams: what the services send is taken at once and only the newest is kept for the browser, so
// that a reader who is slow, or reads nothing, costs one message; a reader who takes nothing for long is
// cut off. Counts streams by session and in all, and ends them when the process is to stop.
import { type Refusal, refusal } from "./refusals.ts";

export interface StreamLimits {
  /** In all. One more is refused. */
  most: number;
  /** Of one owner. One more ends the owner's oldest: the newest tab wins. */
  mostPerOwner: number;
  stalledMs: number;
  /** After so long a stream ends with UNAVAILABLE: begin a new one. */
  longestMs: number;
}

export interface StreamOptions<T> {
  /** Whose stream: a session. */
  owner: string;
  /** Ends with the browser's call. */
  signal: AbortSignal;
  /** Cuts the browser's connection for this call: a stream that nobody reads cannot be ended politely. */
  hangUp: () => void;
  /** Opens the services' stream. */
  open: (signal: AbortSignal) => AsyncIterable<T>;
  /** Repeat the newest message after so long without another. */
  heartbeatMs?: number;
}

export interface StreamObserver {
  /** How many there are now. */
  onCount(streams: number): void;
  /** A message that was replaced before the browser took it. */
  onDropped(): void;
  onStalled(): void;
}

interface Entry {
  owner: string;
  end: (why: Refusal) => void;
}

export class Streams {
  readonly #limits: StreamLimits;
  readonly #observer: StreamObserver;
  readonly #live = new Set<Entry>();
  #draining = false;

  constructor(limits: StreamLimits, observer: StreamObserver) {
    this.#limits = limits;
    this.#observer = observer;
  }

  get size(): number {
    return this.#live.size;
  }

  /** Ends all with DRAINING and refuses new ones. */
  drain(): void {
    this.#draining = true;
    for (const entry of this.#live) entry.end(refusal("DRAINING"));
  }

  /** The messages for one browser. Throws a Refusal, or what the services' stream throws. */
  async *run<T>(options: StreamOptions<T>): AsyncGenerator<T> {
    if (this.#draining) throw refusal("DRAINING");
    if (this.#live.size >= this.#limits.most) throw refusal("OVERLOADED", {}, 5_000);
    const controller = new AbortController();
    const entry: Entry = { owner: options.owner, end: (why) => controller.abort(why) };
    this.#makeRoom(options.owner);
    this.#live.add(entry);
    this.#observer.onCount(this.#live.size);
    const onAbort = (): void => controller.abort(options.signal.reason);
    options.signal.addEventListener("abort", onAbort);
    if (options.signal.aborted) onAbort();
    const longest = setTimeout(() => entry.end(refusal("UNAVAILABLE", {}, 0)), this.#limits.longestMs);
    try {
      yield* this.#newest(options, controller);
    } finally {
      clearTimeout(longest);
      options.signal.removeEventListener("abort", onAbort);
      // The services' stream, if it still runs.
      controller.abort();
      this.#live.delete(entry);
      this.#observer.onCount(this.#live.size);
    }
  }

  #makeRoom(owner: string): void {
    const own = [...this.#live].filter((entry) => entry.owner === owner);
    own
      .slice(0, Math.max(0, own.length + 1 - this.#limits.mostPerOwner))
      .forEach((oldest) => oldest.end(refusal("TOO_MANY_REQUESTS", { limit: "streams" }, 30_000)));
  }

  async *#newest<T>(options: StreamOptions<T>, controller: AbortController): AsyncGenerator<T> {
    const { signal } = controller;
    // What the browser has not taken yet, and what it took last.
    let next: { message: T } | undefined;
    let last: { message: T } | undefined;
    let end: { error?: unknown } | undefined;
    let wake = (): void => undefined;

    const put = (message: T): void => {
      if (next !== undefined) this.#observer.onDropped();
      next = { message };
      wake();
    };
    const finish = (how: { error?: unknown }): void => {
      end ??= how;
      wake();
    };
    signal.addEventListener("abort", () => finish({ error: signal.reason }));
    if (signal.aborted) finish({ error: signal.reason });
    void (async () => {
      try {
        for await (const message of options.open(signal)) put(message);
        finish({});
      } catch (error) {
        finish({ error });
      }
    })();

    let beat: NodeJS.Timeout | undefined;
    const rearm = (): void => {
      clearTimeout(beat);
      if (options.heartbeatMs === undefined) return;
      beat = setTimeout(() => {
        if (next === undefined && last !== undefined && end === undefined) put(last.message);
      }, options.heartbeatMs);
    };
    try {
      for (;;) {
        if (next !== undefined) {
          last = next;
          next = undefined;
          rearm();
          const stalled = setTimeout(() => {
            this.#observer.onStalled();
            controller.abort(refusal("UNAVAILABLE"));
            options.hangUp();
          }, this.#limits.stalledMs);
          try {
            yield last.message;
          } finally {
            clearTimeout(stalled);
          }
        } else if (end !== undefined) {
          if ("error" in end) throw end.error;
          return;
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    } finally {
      clearTimeout(beat);
    }
  }
}
