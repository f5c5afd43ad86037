// Names of all reasons that a call of a page can be refused with, for tables that are complete by type.
import type { ErrorReason } from "../../gen/musubi/v1/common_pb.ts";
import type { TierReason } from "../../shared/tier_reasons.ts";

export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED"> | TierReason | "NETWORK";

/** Reasons after which the same press, with the same request id, may succeed a moment later. */
const RETRY: ReadonlySet<string> = new Set<Reason>([
  "INTERNAL",
  "UNAVAILABLE",
  "OVERLOADED",
  "STORE_FAILED_OVER",
  "RATE_LIMITED",
  "REPLICA_BEHIND",
  "NETWORK",
  "DRAINING",
  "TOO_MANY_REQUESTS",
  "SIGN_IN_FAILED",
]);

/** A press on "try again" makes sense. */
export function mayRetry(reason: string): boolean {
  return RETRY.has(reason);
}
