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

// Thousandths of a request, so that what a millisecond earns is a whole number.
const ONE = 1_000;

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
    const last = this.#buckets.get(key) ?? { tokens: burst * ONE, at: now };
    // A clock that went back gives nothing.
    const tokens = Math.min(burst * ONE, last.tokens + Math.max(0, now - last.at) * perSecond);
    const allowed = tokens >= ONE;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: allowed ? tokens - ONE : tokens, at: now });
    if (this.#buckets.size > most) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    return allowed ? 0 : Math.ceil((ONE - tokens) / perSecond);
  }

  get size(): number {
    return this.#buckets.size;
  }
}
