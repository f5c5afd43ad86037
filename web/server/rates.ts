// How often one network may ask: a token bucket each. Ours and not @fastify/rate-limit: a refusal must be
// written in the protocol of the call (Connect, gRPC-Web), which only Connect's gate can, and time is
// injected. Counts in this process alone: the limit is there to keep one process alive; abuse of accounts
// and codes is counted by the services.
import type { Clock } from "../shared/clock.ts";

export interface RateOptions {
  perSecond: number;
  burst: number;
  /** Buckets that are kept; the one that was not asked for longest goes first. */
  most: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

export class Rates {
  readonly #clock: Clock;
  readonly #options: RateOptions;
  // In the order of use: a Map keeps the order of insertion.
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, options: RateOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Takes one; if there is none, the milliseconds until there is, 0 otherwise. */
  take(key: string): number {
    const now = this.#clock.now();
    const { perSecond, burst, most } = this.#options;
    const last = this.#buckets.get(key) ?? { tokens: burst, at: now };
    // A clock that went back gives nothing.
    const earned = (Math.max(0, now - last.at) * perSecond) / 1_000;
    const tokens = Math.min(burst, last.tokens + earned);
    const allowed = tokens >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > most) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    return allowed ? 0 : Math.ceil(((1 - tokens) * 1_000) / perSecond);
  }

  get size(): number {
    return this.#buckets.size;
  }
}
