// What went wrong with a call, as pages need it: the name of a reason, and its facts.
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import type { Timer } from "./timer.ts";

export interface Problem {
  /** Of ErrorReason or TierReason, or "NETWORK": nobody was reached. Words: adviceFor(). */
  reason: string;
  /** Facts, as ErrorInfo.metadata. */
  metadata: Readonly<Record<string, string>>;
  /** When to ask again; null: not said. */
  retryAfterMs: number | null;
}

/** A refusal of an endpoint that is not a call of the wire contract. */
export class Refused extends Error {
  readonly problem: Problem;
  constructor(reason: string, retryAfterMs: number | null = null) {
    super(reason);
    this.name = "Refused";
    this.problem = { reason, metadata: {}, retryAfterMs };
  }
}

function byCode(code: Code): string {
  switch (code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
      return "UNAVAILABLE";
    case Code.ResourceExhausted:
      return "OVERLOADED";
    default:
      return "INTERNAL";
  }
}

/** The problem behind whatever a call has thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  const connect = ConnectError.from(error);
  const info = connect.findDetails(ErrorInfoSchema)[0];
  const delay = connect.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const retryAfterMs =
    delay === undefined ? null : Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1_000_000);
  if (info !== undefined) return { reason: info.reason, metadata: info.metadata, retryAfterMs };
  // fetch() throws a TypeError if there is no way to the server at all.
  const unreached = error instanceof TypeError || connect.cause instanceof TypeError;
  return { reason: unreached ? "NETWORK" : byCode(connect.code), metadata: {}, retryAfterMs };
}

const PASSING = new Set(["NETWORK", "UNAVAILABLE", "OVERLOADED", "DRAINING", "REPLICA_BEHIND"]);
const PAUSES_MS = [300, 1200];

/** Will the same request, with the same request id, perhaps succeed a moment later? */
export function isPassing(problem: Problem): boolean {
  return PASSING.has(problem.reason);
}

/**
 * Makes a call, and again (twice at most) while the problem is a passing one. The call must be safe to
 * repeat: the same request id each time.
 */
export async function withRetry<T>(timer: Timer, call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const problem = problemOf(error);
      const pause = PAUSES_MS[attempt];
      if (pause === undefined || !isPassing(problem)) throw error;
      const wait = Math.max(pause, problem.retryAfterMs ?? 0);
      // Who is asked to wait longer is told so by the page.
      if (wait > 3000) throw error;
      await new Promise<void>((resolve) => timer.after(wait, resolve));
    }
  }
}
