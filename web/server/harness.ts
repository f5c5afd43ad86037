// A tier for tests: fake services behind it, asked without a socket unless a test listens.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescMethod } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createRouterTransport,
  type HandlerContext,
  type Transport,
} from "@connectrpc/connect";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { LinkService } from "../gen/musubi/v1/link_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { ValidationService } from "../gen/musubi/v1/validation_pb.ts";
import { APP_RPC, BROWSER_RPC } from "../shared/routes.ts";
import { buildServer, type TierServer } from "./app.ts";
import type { Config } from "./config.ts";
import type { Cookies, SessionCookie, SignInCookie } from "./cookies.ts";
import { Metrics } from "./metrics.ts";
import { countingRandom, FakeClock, ORIGIN, START, testConfig, testCookies, testKeyring } from "./testing.ts";
import type { TierPlugin } from "./tier.ts";

/** What a fake service was asked. */
export interface Asked {
  method: string;
  request: Record<string, unknown>;
  headers: Headers;
}

/** Services that answer what a test says, and remember what they were asked. */
export class FakeServices {
  readonly asked: Asked[] = [];
  /** By method name; an empty message without one. May throw. */
  readonly answers = new Map<string, (request: never) => object | Promise<object>>();
  /** By method name; no message without one. */
  readonly streams = new Map<string, (signal: AbortSignal) => AsyncIterable<object>>();
  readonly transport: Transport;

  constructor() {
    this.transport = createRouterTransport((router) => {
      for (const service of [SessionService, PairingService, ValidationService, LinkService]) {
        for (const method of service.methods) this.#serve(router, method);
      }
    });
  }

  #serve(router: ConnectRouter, method: DescMethod): void {
    const note = (request: object, context: HandlerContext): void => {
      this.asked.push({
        method: method.name,
        request: request as Record<string, unknown>,
        headers: context.requestHeader,
      });
    };
    if (method.methodKind === "unary") {
      router.rpc(method, (async (request: object, context: HandlerContext) => {
        note(request, context);
        return (await this.answers.get(method.name)?.(request as never)) ?? {};
      }) as never);
    } else if (method.methodKind === "server_streaming") {
      const { streams } = this;
      router.rpc(method, async function* (request: object, context: HandlerContext) {
        note(request, context);
        yield* streams.get(method.name)?.(context.signal) ?? [];
      } as never);
    }
  }

  /** The only call of a method. */
  one(method: string): Asked {
    const found = this.asked.filter((call) => call.method === method);
    if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} calls of ${method}`);
    return found[0];
  }
}

/** base64url, as ids are in cookies. */
export const b64 = (octets: Uint8Array): string => Buffer.from(octets).toString("base64url");

export const SESSION_ID = Buffer.alloc(16, 1);
export const OTHER_SESSION_ID = Buffer.alloc(16, 2);
export const CREDENTIAL = Buffer.alloc(32, 3);
export const NEW_CREDENTIAL = Buffer.alloc(32, 4);
export const REQUEST_ID = Buffer.alloc(16, 5);
export const LINK_ID = Buffer.alloc(16, 6);

export interface Answer {
  status: number;
  /** Of a call that failed, from its ErrorInfo. */
  reason: string | undefined;
  domain: string | undefined;
  facts: Record<string, string>;
  retry: boolean;
  json: Record<string, unknown>;
  headers: Record<string, string | string[] | number | undefined>;
  setCookie: string[];
  text: string;
}

export interface TestOptions {
  change?: (json: Record<string, unknown>) => void;
  plugins?: TierPlugin[];
  /** To other services than the fake ones. */
  transport?: Transport;
}

/** A tier with fake services, fake time and two files of pages. Close it. */
export class TestTier {
  readonly clock: FakeClock;
  readonly services: FakeServices;
  readonly metrics: Metrics;
  readonly cookies: Cookies;
  readonly config: Config;
  readonly server: TierServer;
  /** Lines, as JSON. */
  readonly log: string[];

  private constructor(
    parts: Pick<TestTier, "clock" | "services" | "metrics" | "cookies" | "config" | "server" | "log">,
  ) {
    this.clock = parts.clock;
    this.services = parts.services;
    this.metrics = parts.metrics;
    this.cookies = parts.cookies;
    this.config = parts.config;
    this.server = parts.server;
    this.log = parts.log;
  }

  static async start({ change, plugins = [], transport }: TestOptions = {}): Promise<TestTier> {
    const directory = mkdtempSync(join(tmpdir(), "web-tier-"));
    mkdirSync(join(directory, "assets"));
    writeFileSync(join(directory, "index.html"), "<!doctype html><title>page</title>");
    writeFileSync(join(directory, "assets", "page-1234.js"), "export {};");
    for (const name of ["index.html", "assets/page-1234.js"]) {
      writeFileSync(join(directory, `${name}.br`), "as Brotli");
      writeFileSync(join(directory, `${name}.gz`), "as gzip");
    }
    const config = { ...testConfig(change), static_dir: directory };
    const clock = new FakeClock();
    const services = new FakeServices();
    const metrics = new Metrics();
    const log: string[] = [];
    const server = await buildServer(
      {
        clock,
        random: countingRandom(),
        transport: transport ?? services.transport,
        keyring: testKeyring,
        metrics,
      },
      { config, plugins, log: { write: (line) => log.push(line) } },
    );
    server.app.addHook("onClose", () => rmSync(directory, { recursive: true, force: true }));
    return new TestTier({ clock, services, metrics, cookies: testCookies(clock), config, server, log });
  }

  /** As new: for tests that share one. */
  reset(): void {
    this.services.asked.length = 0;
    this.services.answers.clear();
    this.services.streams.clear();
    this.log.length = 0;
    this.clock.reset();
  }

  async close(): Promise<void> {
    await this.server.app.close();
  }

  sessionCookie(value: Partial<SessionCookie> = {}): string {
    const whole = {
      id: b64(SESSION_ID),
      credential: b64(CREDENTIAL),
      act: "LINK",
      returned: false,
      ...value,
    } as const;
    return pairOf(this.cookies.set("session", whole, START + 30 * 60_000));
  }

  signInCookie(value: Partial<SignInCookie> = {}): string {
    return pairOf(this.cookies.set("signIn", { ...SIGNED_IN, ...value }, START + 15 * 60_000));
  }

  async get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
    return answerOf(
      await this.server.app.inject({ method: "GET", url, headers: { host: HOST, ...headers } }),
    );
  }

  /** As one of our own pages does; `headers` may say otherwise, undefined leaves one out. */
  async post(
    url: string,
    body: object | undefined,
    headers: Record<string, string | undefined> = {},
  ): Promise<Answer> {
    const all: Record<string, string | undefined> = {
      host: HOST,
      origin: ORIGIN,
      "sec-fetch-site": "same-origin",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    };
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return answerOf(
      await this.server.app.inject({
        method: "POST",
        url,
        headers: given,
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      }),
    );
  }

  /** A unary call in Connect's JSON. `scope` app sends no Origin unless `headers` do. */
  async call(
    scope: "browser" | "app",
    method: string,
    body: object,
    headers: Record<string, string | undefined> = {},
  ): Promise<Answer> {
    const native = scope === "app" ? { origin: undefined, "sec-fetch-site": undefined } : {};
    return this.post(`${scope === "app" ? APP_RPC : BROWSER_RPC}/musubi.v1.${method}`, body, {
      ...native,
      ...headers,
    });
  }
}

export const HOST = new URL(ORIGIN).host;
export const SIGNED_IN: SignInCookie = {
  issuer: "https://login.mihon.example",
  subject: "shiken-001",
  name: "shiken-001@mihon.example",
  hint: "sh***",
  authTime: START / 1_000 - 60,
  acr: "urn:example:acr:mfa",
  fresh: true,
};

/** `name=value` of a Set-Cookie header. */
export function pairOf(setCookie: string): string {
  return setCookie.split(";")[0] ?? "";
}

interface Injected {
  statusCode: number;
  headers: Answer["headers"];
  body: string;
}

function answerOf(response: Injected): Answer {
  const { "set-cookie": set = [] } = response.headers;
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(response.body) as Record<string, unknown>;
  } catch {
    // A page.
  }
  const details = (json["details"] ?? []) as { type: string; value: string }[];
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo");
  const error = info && fromBinary(ErrorInfoSchema, Buffer.from(info.value, "base64"));
  return {
    status: response.statusCode,
    reason: error?.reason ?? (json["reason"] as string | undefined),
    domain: error?.domain,
    facts: error?.metadata ?? {},
    retry: details.some(({ type }) => type === "google.rpc.RetryInfo"),
    json,
    headers: response.headers,
    setCookie: Array.isArray(set) ? set : [String(set)],
    text: response.body,
  };
}
