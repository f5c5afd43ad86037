// Time, injected: tests move it. Not for durations of the event loop (use timers there).

/** A source of wall-clock time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The machine's clock: the only place that reads it. */
export const systemClock: Clock = {
  // eslint-disable-next-line no-restricted-properties -- the one source
  now: () => Date.now(),
};
