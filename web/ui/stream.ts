// Keeps a server stream open: opens it again when it breaks, and says when it is down. Somebody looks at the
// page meanwhile, so pauses stay short; all pages lose their streams at one moment when a server restarts,
// so pauses are not the same on two of them. Holds one stream; knows nothing of what comes over it.
import { isPassing, problemOf } from "./problem.ts";
import type { Problem } from "./problem.ts";
import type { Timer } from "./timer.ts";

interface Pause {
  min: number;
  max: number;
}
/** Milliseconds after each failure in a row, the last one from then on. The first retry is made at once. */
export const PAUSES_MS: readonly Pause[] = [
  { min: 0, max: 0 },
  { min: 250, max: 750 },
  { min: 500, max: 1500 },
  { min: 1000, max: 3000 },
  { min: 2000, max: 4000 },
];
/** After an end that was no failure: the server may end a stream whenever it likes, and may be about to stop. */
export const PAUSE_AFTER_END_MS: Pause = { min: 250, max: 1000 };
/** A wait that the server asks for is made longer by up to this part of it. */
const RETRY_AFTER_SPREAD = 0.5;
/** A stream that breaks sooner after its first message has not recovered: pauses go on growing. */
export const STEADY_MS = 2000;
/** The first failures in a row are not worth a word: the attempt within the next second mostly works. */
const SILENT_FAILURES = 2;

export interface StreamOptions<T> {
  open: (signal: AbortSignal) => AsyncIterable<T>;
  timer: Timer;
  /** Fresh octets, for pauses of different length. */
  random: (octets: number) => Uint8Array;
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

  /** Between 0 and 1. */
  const chance = () => {
    const [high = 0, low = 0] = options.random(2);
    return (high * 256 + low) / 65_535;
  };
  const within = ({ min, max }: Pause) => min + chance() * (max - min);

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
    let cancelSteady: (() => void) | null = null;
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
        cancelSteady ??= options.timer.after(STEADY_MS, () => (failures = 0));
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
      cancelSteady?.();
    }
  };
  // A function, so that the checker does not take the answer for known.
  const isOver = () => stopped;

  const run = async () => {
    while (!isOver()) {
      const problem = await once();
      if (isOver()) return;
      if (problem === null) {
        await pause(within(PAUSE_AFTER_END_MS));
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
      const own = PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1];
      const asked = problem.retryAfterMs ?? 0;
      await pause(
        Math.max(
          own === undefined ? 0 : within(own),
          within({ min: asked, max: asked * (1 + RETRY_AFTER_SPREAD) }),
        ),
      );
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
