// The pages' way to the tier: the calls of the wire contract, and the few JSON endpoints beside them.
import { createClient } from "@connectrpc/connect";
import type { Client, Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { LinkService } from "../gen/musubi/v1/link_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import type { BrowserState, PageConfig, SignInRequest, SignInResponse } from "../shared/page.ts";
import { BROWSER_RPC, ENDPOINTS } from "../shared/routes.ts";
import { Refused } from "../ui/problem.ts";

const CALL_DEADLINE_MS = 10_000;

/** The calls. Unary ones have a deadline; streams last until they are aborted. */
export interface Calls {
  session: Client<typeof SessionService>;
  pairing: Client<typeof PairingService>;
  links: Client<typeof LinkService>;
  /** For Watch* alone. */
  streams: { session: Client<typeof SessionService>; pairing: Client<typeof PairingService> };
}

export function createCalls(unary: Transport, streams: Transport): Calls {
  return {
    session: createClient(SessionService, unary),
    pairing: createClient(PairingService, unary),
    links: createClient(LinkService, unary),
    streams: {
      session: createClient(SessionService, streams),
      pairing: createClient(PairingService, streams),
    },
  };
}

/** Calls to the tier that this page came from. */
export function browserCalls(): Calls {
  const options = { baseUrl: BROWSER_RPC, useBinaryFormat: true };
  return createCalls(
    createGrpcWebTransport({ ...options, defaultTimeoutMs: CALL_DEADLINE_MS }),
    createGrpcWebTransport(options),
  );
}

/** The endpoints beside the contract. All throw Refused, or TypeError if the tier is not reached. */
export interface Http {
  config(): Promise<PageConfig>;
  state(): Promise<BrowserState>;
  signIn(request: SignInRequest): Promise<SignInResponse>;
  signOut(): Promise<void>;
  leave(): Promise<void>;
}

interface Answer {
  value: unknown;
  /** The tier's clock when it answered; null: not said. */
  date: number | null;
}

async function ask(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(path, {
    ...init,
    cache: "no-store",
    credentials: "same-origin",
    redirect: "error",
    signal: AbortSignal.timeout(CALL_DEADLINE_MS),
  });
  const text = await response.text();
  let value: unknown = null;
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    throw new Refused("INTERNAL");
  }
  if (!response.ok) {
    const after = Number(response.headers.get("retry-after") ?? NaN);
    throw new Refused(
      refusalReason(value) ?? (response.status === 429 ? "TOO_MANY_REQUESTS" : statusReason(response.status)),
      Number.isFinite(after) ? after * 1000 : null,
    );
  }
  const date = Date.parse(response.headers.get("date") ?? "");
  return { value, date: Number.isNaN(date) ? null : date };
}

function statusReason(status: number): string {
  return status === 502 || status === 503 || status === 504 ? "UNAVAILABLE" : "INTERNAL";
}

function refusalReason(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("reason" in value)) return null;
  return typeof value.reason === "string" ? value.reason : null;
}

function post(path: string, body: unknown): Promise<Answer> {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** `onDate` hears the tier's clock with each answer that tells it. */
export function browserHttp(onDate: (date: number) => void): Http {
  return {
    async config() {
      // The tier is ours, and its types are shared: what it sends is not checked again here.
      return (await ask(ENDPOINTS.config, {})).value as PageConfig;
    },
    async state() {
      const { value, date } = await ask(ENDPOINTS.state, {});
      if (date !== null) onDate(date);
      return value as BrowserState;
    },
    async signIn(request) {
      return (await post(ENDPOINTS.signIn, request)).value as SignInResponse;
    },
    async signOut() {
      await post(ENDPOINTS.signOut, {});
    },
    async leave() {
      await post(ENDPOINTS.leave, {});
    },
  };
}
