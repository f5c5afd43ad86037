// Keeps a server stream open: opens it again when it breaks, waits longer each time, and says when it is
// down. Holds one stream; knows nothing of what comes over it.
import { isPassing, problemOf } from "./problem.ts";
import type { Problem } from "./problem.ts";
import type { Timer } from "./timer.ts";

/** After each failure in a row; the last one from then on. */
const PAUSES_MS = [250, 1000, 2000, 4000, 8000, 10_000];
/** After an end that was no failure: the server may end a stream whenever it likes. */
const PAUSE_AFTER_END_MS = 1000;
/** The first failure in a row is not worth a word: the next attempt mostly works. */
const SILENT_FAILURES = 1;

export interface StreamOptions<T> {
  open: (signal: AbortSignal) => AsyncIterable<T>;
  timer: Timer;
  onMessage: (message: T) => void;
  /** The server said no, for good: the stream is not opened again. */
  onRefused: (problem: Problem) => void;
  /** It does not come back at once; and it is back. In turns. */
  onDown: () => void;
  onUp: () => void;
  /** A stream that is silent for longer is broken, though nobody has said so; null: it may be silent. */
  stallMs: number | null;
}

export interface KeptStream {
  stop: () => void;
  /** Do not wait any longer: try now. */
  nudge: () => void;
}

/** Begins at once. */
export function keepStream<T>(options: StreamOptions<T>): KeptStream {
  let stopped = false;
  let down = false;
  let failures = 0;
  let current = new AbortController();
  let wake: (() => void) | null = null;

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const cancel = options.timer.after(ms, () => wake?.());
      wake = () => {
        cancel();
        wake = null;
        resolve();
      };
    });

  /** One opening. Returns the problem that ended it; null: it ended well. */
  const once = async (): Promise<Problem | null> => {
    current = new AbortController();
    const { signal } = current;
    let cancelStall = () => {};
    const watch = () => {
      cancelStall();
      if (options.stallMs === null) return;
      const controller = current;
      cancelStall = options.timer.after(options.stallMs, () => controller.abort());
    };
    try {
      watch();
      for await (const message of options.open(signal)) {
        if (isOver()) return null;
        watch();
        failures = 0;
        if (down) {
          down = false;
          options.onUp();
        }
        options.onMessage(message);
        if (isOver()) return null;
      }
      return null;
    } catch (error) {
      // Aborted, and not by stop(): it was silent for too long.
      if (signal.aborted) return { reason: "UNAVAILABLE", metadata: {}, retryAfterMs: null };
      return problemOf(error);
    } finally {
      cancelStall();
    }
  };
  // A function, so that the checker does not take the answer for known.
  const isOver = () => stopped;

  const run = async () => {
    while (!isOver()) {
      const problem = await once();
      if (isOver()) return;
      if (problem === null) {
        await pause(PAUSE_AFTER_END_MS);
        continue;
      }
      if (!isPassing(problem) && problem.reason !== "INTERNAL") {
        stopped = true;
        options.onRefused(problem);
        return;
      }
      failures += 1;
      if (failures > SILENT_FAILURES && !down) {
        down = true;
        options.onDown();
      }
      const wait = PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1] ?? 0;
      await pause(Math.max(wait, problem.retryAfterMs ?? 0));
    }
  };
  void run();

  return {
    stop: () => {
      stopped = true;
      current.abort();
      wake?.();
    },
    nudge: () => {
      wake?.();
    },
  };
}
