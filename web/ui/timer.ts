// Timers, injected: tests run them by hand.

/** Runs something later. */
export interface Timer {
  /** Runs `work` once after `ms`; the returned function calls it off. */
  after(ms: number, work: () => void): () => void;
}

/** The browser's timers. */
export const browserTimer: Timer = {
  after(ms, work) {
    const id = setTimeout(work, ms);
    return () => {
      clearTimeout(id);
    };
  },
};
