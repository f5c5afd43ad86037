// For tests: a problem of a reason.
import type { Problem } from "../../ui/problem.ts";

export function problem(reason: string): Problem {
  return { reason, metadata: {}, retryAfterMs: null };
}
