// One call of a browser or an app, on its way through the tier: what the HTTP side knows of it, who may
// make it, and what goes with it to the services.
import {
  Code,
  ConnectError,
  createContextKey,
  type CallOptions,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import type { FastifyBaseLogger } from "fastify";
import type { Metrics } from "./metrics.ts";
import { clientNetwork } from "./peer.ts";
import { forBrowser, type Refusal, refusal } from "./refusals.ts";
import { traceId } from "./trace.ts";

/** Of the HTTP request. */
export interface CallFacts {
  requestId: string;
  traceparent: string;
  /** Where the browser is; for limits alone. */
  address: string;
  /** Ends the response at once, without an end. */
  hangUp: () => void;
}

export const callFacts = createContextKey<CallFacts>(
  { requestId: "", traceparent: "", address: "", hangUp: () => undefined },
  { description: "the HTTP request of the call" },
);

/** Options of the services' call for the browser's: its end, its names, a credential if it has one. */
export function servicesCall(
  context: HandlerContext,
  limitMs: number,
  credential: string | undefined,
  signal: AbortSignal = context.signal,
): CallOptions {
  const facts = context.values.get(callFacts);
  const headers = new Headers({ "x-request-id": facts.requestId, traceparent: facts.traceparent });
  if (credential !== undefined) headers.set("authorization", `Bearer ${credential}`);
  return { signal, headers, timeoutMs: Math.max(1, Math.min(context.timeoutMs() ?? limitMs, limitMs)) };
}

/** The browser's network, for limits. */
export function networkOf(context: HandlerContext): string {
  return clientNetwork(context.values.get(callFacts).address);
}

/** Turns whatever a call throws into what the browser may see; logs and counts each call. */
export function observe(scope: "browser" | "app", log: FastifyBaseLogger, metrics: Metrics): Interceptor {
  return (next) => async (request) => {
    const facts = request.contextValues.get(callFacts);
    const method = `${request.service.typeName}/${request.method.name}`;
    const stop = metrics.calls.startTimer({ scope, method });
    const done = (error?: unknown): Refusal | undefined => {
      const seen = error === undefined ? undefined : forBrowser(error);
      // Nobody is told anything any more.
      const left = request.signal.aborted && ConnectError.from(request.signal.reason).code === Code.Canceled;
      const outcome = left ? "LEFT" : (seen?.reason ?? "OK");
      const seconds = stop({ outcome });
      const line = {
        request_id: facts.requestId,
        trace_id: traceId(facts.traceparent),
        scope,
        method,
        outcome,
        ms: Math.round(seconds * 1_000),
      };
      if (outcome === "INTERNAL") log.error({ ...line, fault: faultOf(error) }, "call");
      else log.info(line, "call");
      return seen;
    };
    try {
      const response = await next(request);
      if (!response.stream) {
        done();
        return response;
      }
      return { ...response, message: observed(response.message, done) };
    } catch (error) {
      throw done(error) ?? refusal("INTERNAL");
    }
  };
}

async function* observed<T>(
  messages: AsyncIterable<T>,
  done: (error?: unknown) => Refusal | undefined,
): AsyncGenerator<T> {
  let ended = false;
  try {
    yield* messages;
  } catch (error) {
    ended = true;
    throw done(error) ?? refusal("INTERNAL");
  } finally {
    // Also if the browser has left.
    if (!ended) done();
  }
}

// The services' texts hold no secret (their rule); a stack is of this program.
function faultOf(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${error.stack ?? ""}`.slice(0, 2_000) : String(error);
}
