// Names of a request for logs, here and in the services: an id of ours, and the trace (W3C Trace Context)
// that it is part of. What a browser sends is passed on only if it is well formed.
import type { Random } from "./seal.ts";

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

function hex(random: Random, size: number): string {
  return Buffer.from(random(size)).toString("hex");
}

export function newRequestId(random: Random): string {
  return `web-${hex(random, 8)}`;
}

/** The given one if it is well formed, or a new one. */
export function traceparentOf(given: string | string[] | undefined, random: Random): string {
  if (typeof given === "string" && TRACEPARENT.test(given)) return given;
  return `00-${hex(random, 16)}-${hex(random, 8)}-00`;
}

export function traceId(traceparent: string): string {
  return traceparent.slice(3, 35);
}
