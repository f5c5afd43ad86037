// How the tier says no on Connect: its own reasons, and those of the services, as google.rpc.ErrorInfo.
// What a fault looks like inside is for the log alone.
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import type { ErrorReason } from "../gen/musubi/v1/common_pb.ts";
import { TIER_DOMAIN, type TierReason } from "../shared/tier_reasons.ts";

/** Domain of the reasons of docs/errors.md. */
export const SERVICES_DOMAIN = "musubi";

/** A reason of docs/errors.md. */
export type ServiceReason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

/** What the tier itself refuses with. */
const CODES = {
  CROSS_SITE: Code.PermissionDenied,
  NO_SESSION: Code.Unauthenticated,
  SESSION_REPLACED: Code.FailedPrecondition,
  NOT_SIGNED_IN: Code.Unauthenticated,
  SIGN_IN_CANCELLED: Code.FailedPrecondition,
  SIGN_IN_MISMATCH: Code.FailedPrecondition,
  SIGN_IN_FAILED: Code.Unavailable,
  TOO_MANY_REQUESTS: Code.ResourceExhausted,
  DRAINING: Code.Unavailable,
  INTERNAL: Code.Internal,
  UNAVAILABLE: Code.Unavailable,
  OVERLOADED: Code.ResourceExhausted,
  NOT_SUPPORTED: Code.Unimplemented,
  FIELD_INVALID: Code.InvalidArgument,
  FIELD_NOT_ALLOWED: Code.InvalidArgument,
  CREDENTIAL_MISSING: Code.Unauthenticated,
  CREDENTIAL_INVALID: Code.Unauthenticated,
  SIGN_IN_TOO_OLD: Code.FailedPrecondition,
  WRONG_STATE: Code.FailedPrecondition,
  SESSION_EXPIRED: Code.FailedPrecondition,
  RETURN_IN_OTHER_BROWSER: Code.FailedPrecondition,
} satisfies Record<TierReason, Code> & Partial<Record<ServiceReason, Code>>;

export type RefusalReason = keyof typeof CODES;

const OWN_REASONS: Record<TierReason, true> = {
  CROSS_SITE: true,
  NO_SESSION: true,
  SESSION_REPLACED: true,
  NOT_SIGNED_IN: true,
  SIGN_IN_CANCELLED: true,
  SIGN_IN_MISMATCH: true,
  SIGN_IN_FAILED: true,
  TOO_MANY_REQUESTS: true,
  DRAINING: true,
};

// ConnectError redefines instanceof: to it, all its subclasses look alike.
const refusals = new WeakMap<object, Refusal>();

/** A ConnectError that may go to the browser as it is. */
export class Refusal extends ConnectError {
  readonly reason: string;
  constructor(code: Code, domain: string, reason: string, facts: Record<string, string>, retryMs?: number) {
    super(reason, code, undefined, [
      { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain, metadata: facts }) },
      ...(retryMs === undefined
        ? []
        : [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(Math.ceil(retryMs)) } }]),
    ]);
    this.reason = reason;
    refusals.set(this, this);
  }
}

/** A refusal of the tier's own; `facts` are for the client. */
export function refusal(
  reason: RefusalReason,
  facts: Record<string, string> = {},
  retryMs?: number,
): Refusal {
  const domain = reason in OWN_REASONS ? TIER_DOMAIN : SERVICES_DOMAIN;
  return new Refusal(CODES[reason], domain, reason, facts, retryMs);
}

/** What the browser is told of `error`, and why, for log and metrics. The services' reasons pass with their
 *  facts; everything that is not one of theirs is UNAVAILABLE or INTERNAL, and its text stays here. */
export function forBrowser(error: unknown): Refusal {
  const own = typeof error === "object" && error !== null ? refusals.get(error) : undefined;
  if (own !== undefined) return own;
  const from = ConnectError.from(error);
  const info = from.findDetails(ErrorInfoSchema)[0];
  if (info?.domain === SERVICES_DOMAIN) {
    const delay = from.findDetails(RetryInfoSchema)[0]?.retryDelay;
    const retryMs = delay === undefined ? undefined : Number(delay.seconds) * 1_000 + delay.nanos / 1e6;
    return new Refusal(from.code, SERVICES_DOMAIN, info.reason, info.metadata, retryMs);
  }
  if (isBrokenConnection(from.cause)) return refusal("UNAVAILABLE");
  switch (from.code) {
    // A connection that broke, a server that is being stopped, a call that took too long.
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Aborted:
    case Code.Canceled:
      return refusal("UNAVAILABLE");
    case Code.ResourceExhausted:
      return refusal("OVERLOADED");
    // Of Connect itself: the first message of a stream is none.
    case Code.InvalidArgument:
      return refusal("FIELD_INVALID");
    case Code.Unimplemented:
      return refusal("NOT_SUPPORTED");
    default:
      return refusal("INTERNAL");
  }
}

/** What Node says when a connection to the services broke while an answer was read. Connect passes it on as
 *  it is. Nobody knows whether the call was done: the same request id asks again. */
function isBrokenConnection(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" && /^(?:ERR_STREAM_|ERR_HTTP2_|ECONN|EPIPE$)/.test(code);
}
