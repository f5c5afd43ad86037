// The tier as a Fastify server: who may come in, then pages, endpoints and calls. Listens to nothing by
// itself; clock, randomness and the services' transport are given to it.
import type { HandlerContext, Transport } from "@connectrpc/connect";
import { createContextValues } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import helmet from "@fastify/helmet";
import Fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import type { Clock } from "../shared/clock.ts";
import { APP_RPC, BROWSER_RPC } from "../shared/routes.ts";
import { callFacts, networkOf, observe } from "./calls.ts";
import type { Config, Material } from "./config.ts";
import { Cookies } from "./cookies.ts";
import { endpoints } from "./endpoints.ts";
import { Metrics } from "./metrics.ts";
import { corsHeaders, isAppOrigin, isOwnHost, isPrefetch, isSameOrigin } from "./origin.ts";
import { pages, sendFailure } from "./pages.ts";
import { clientNetwork } from "./peer.ts";
import { Rates } from "./rates.ts";
import { refusal } from "./refusals.ts";
import { hangUp, writeThrough } from "./responses.ts";
import { appRoutes } from "./rpc_app.ts";
import { browserRoutes } from "./rpc_browser.ts";
import { type Keyring, type Random, Sealer } from "./seal.ts";
import { Streams } from "./streams.ts";
import { servicesOf, type Tier, type TierPlugin } from "./tier.ts";
import { newRequestId, traceparentOf } from "./trace.ts";

export interface TierDependencies {
  clock: Clock;
  random: Random;
  /** To the services. */
  transport: Transport;
  keyring: Keyring;
  metrics: Metrics;
}

export interface TierOptions {
  config: Config;
  /** Certificate and key; without them the server speaks plain HTTP/1.1, to an ingress. */
  tls?: Material["tls"];
  /** More endpoints: sign-in. */
  plugins?: TierPlugin[];
  /** Where log lines go; standard error by default, nowhere if false. */
  log?: { write: (line: string) => void } | false;
}

export interface TierServer {
  app: FastifyInstance;
  /** False once drain has begun. */
  ready: () => boolean;
  /** Ends streams so that pages go to another replica, lets calls end, closes. */
  drain: () => Promise<void>;
}

/** Everything that pages may load is from here: no inline script or style, no frame, no other host. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    manifestSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
};
const PERMISSIONS_POLICY = [
  ...["accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen"],
  ...["geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection", "magnetometer"],
  ...["microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-get", "screen-wake-lock"],
  ...["serial", "usb", "xr-spatial-tracking"],
]
  .map((feature) => `${feature}=()`)
  .join(", ");

// Nobody needs more time to send 64 KiB.
const REQUEST_TIMEOUT_MS = 30_000;
// A page has two streams and a few calls at once.
const MAX_CONCURRENT_STREAMS = 64;
// How often connections are looked at while the process is being stopped.
const IDLE_LOOK_MS = 50;
const ONE_YEAR_SECONDS = 31_536_000;

// No request, reply or error as an object: each line says what it says (no URL, cookie, body, address).
const LOG = {
  level: "info",
  base: null,
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  formatters: { level: (label: string) => ({ level: label }) },
};

/** Builds the server. The promise fails if a plugin does. */
export async function buildServer(dependencies: TierDependencies, options: TierOptions): Promise<TierServer> {
  const { clock, random, metrics } = dependencies;
  const { config } = options;
  const { limits } = config;
  const app = newFastify(dependencies, options);
  const cookies = new Cookies(new Sealer(dependencies.keyring, clock, random), clock);
  const rates = new Rates(clock, {
    perSecond: limits.requests_per_second,
    burst: limits.requests_burst,
    most: limits.networks,
  });
  const streams = new Streams(
    {
      most: limits.streams,
      mostPerOwner: limits.streams_per_session,
      stalledMs: limits.stalled_seconds * 1_000,
      longestMs: limits.stream_seconds * 1_000,
    },
    {
      onCount: (count) => metrics.streams.set(count),
      onDropped: () => metrics.dropped.inc(),
      onStalled: () => metrics.stalled.inc(),
    },
  );
  const services = servicesOf(dependencies.transport);
  const tier: Tier = { config, clock, random, cookies, services, streams, metrics };

  await app.register(helmet, {
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    strictTransportSecurity: { maxAge: ONE_YEAR_SECONDS, includeSubDomains: false },
    referrerPolicy: { policy: "no-referrer" },
    frameguard: { action: "deny" },
  });
  admission(app, config, rates);
  failures(app, config);
  observeRequests(app, metrics);
  endpoints(app, tier);
  for (const plugin of options.plugins ?? []) await plugin(app, tier);
  await app.register(calls("browser", tier, rates), { prefix: BROWSER_RPC });
  await app.register(calls("app", tier, rates), { prefix: APP_RPC });
  await pages(app, config.static_dir);

  let draining = false;
  return {
    app,
    ready: () => !draining,
    drain: async () => {
      if (draining) return;
      draining = true;
      streams.drain();
      const idle = setInterval(() => closeIdle(app), IDLE_LOOK_MS);
      await app.close().finally(() => clearInterval(idle));
    },
  };
}

/** Ends HTTP/1.1 connections that wait for a next request: theirs goes to another replica. HTTP/2 has a
 *  frame for that, which Fastify sends. */
function closeIdle(app: FastifyInstance): void {
  const server = app.server as Partial<Pick<FastifyInstance["server"], "closeIdleConnections">>;
  server.closeIdleConnections?.();
}

function newFastify(dependencies: TierDependencies, options: TierOptions): FastifyInstance {
  const { config, tls, log } = options;
  const common = {
    bodyLimit: config.limits.body_bytes,
    trustProxy: config.trusted_proxies.length > 0 ? config.trusted_proxies : false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Calls say DRAINING by themselves, and what is not a stream is still answered.
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => newRequestId(dependencies.random),
    logger: log === false ? false : { ...LOG, ...(log === undefined ? {} : { stream: log }) },
  };
  if (tls === undefined) return Fastify(common);
  const secure = Fastify({
    ...common,
    http2: true,
    https: {
      allowHTTP1: true,
      cert: tls.certificate,
      key: tls.key,
      minVersion: "TLSv1.2",
      settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS },
    },
  });
  // Fastify has a type of its own for each kind of server; requests and replies are the same to us.
  return secure as unknown as FastifyInstance;
}

/** Before any handler: is it our host, our page, not too often, not a prefetch of what uses something up. */
function admission(app: FastifyInstance, config: Config, rates: Rates): void {
  const fail = (
    request: FastifyRequest,
    reply: FastifyReply,
    status: 403 | 421 | 429 | 503,
    reason: string,
  ) => sendFailure(request, reply, status, reason, config.help_url, status === 421 ? config.origin : "/");

  app.addHook("onRequest", async (request, reply) => {
    void reply
      .header("x-request-id", request.id)
      .header("permissions-policy", PERMISSIONS_POLICY)
      // Unless a handler knows better: files and configuration are the same for everybody.
      .header("cache-control", "no-store");
    if (!isOwnHost(request.headers, config.origin)) return fail(request, reply, 421, "CROSS_SITE");
    if (request.routeOptions.config.rpc === true) return;
    const retryMs = rates.take(clientNetwork(request.ip));
    if (retryMs > 0) {
      void reply.header("retry-after", Math.ceil(retryMs / 1_000));
      return fail(request, reply, 429, "TOO_MANY_REQUESTS");
    }
    const acts = request.method !== "GET" && request.method !== "HEAD" && !request.is404;
    if (acts && !isSameOrigin(request.headers, config.origin)) {
      // Also what a form of another site has sent: whoever looks at it must not see a machine's text.
      return fail(request, reply, 403, "CROSS_SITE");
    }
    // Browsers throw a failed prefetch away and ask again when the person follows the link.
    if (request.routeOptions.config.once === true && isPrefetch(request.headers)) {
      return fail(request, reply, 503, "UNAVAILABLE");
    }
  });
}

/** What people and scripts are told when there is no such thing, or something broke. */
function failures(app: FastifyInstance, config: Config): void {
  app.setNotFoundHandler((request, reply) =>
    sendFailure(request, reply, 404, "NOT_SUPPORTED", config.help_url),
  );
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status === 413) return reply.code(413).send({ reason: "REQUEST_TOO_LARGE" });
    // A folder, or a file that is not for everybody.
    if (status === 403 || status === 404)
      return sendFailure(request, reply, 404, "NOT_SUPPORTED", config.help_url);
    if (status >= 400 && status < 500)
      return sendFailure(request, reply, 400, "FIELD_INVALID", config.help_url);
    request.log.error({ request_id: request.id, fault: error.stack ?? error.message }, "request failed");
    return sendFailure(request, reply, 500, "INTERNAL", config.help_url);
  });
}

/** One line and one count for each request that is not a call: the route, never the URL. */
function observeRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook("onResponse", (request, reply, done) => {
    if (request.routeOptions.config.rpc !== true) {
      const route = request.routeOptions.url ?? "none";
      metrics.requests.inc({ route, status: reply.statusCode });
      request.log.info(
        {
          request_id: request.id,
          method: request.method,
          route,
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime),
        },
        "request",
      );
    }
    done();
  });
}

/** Calls of one scope, in Connect and gRPC-Web. */
function calls(scope: "browser" | "app", tier: Tier, rates: Rates) {
  const { config } = tier;
  return async (app: FastifyInstance): Promise<void> => {
    app.addHook("onRoute", (route) => {
      route.config = { ...route.config, rpc: true };
    });
    app.addHook("onRequest", (_request, reply, done) => {
      writeThrough(reply.raw);
      done();
    });
    if (scope === "app") {
      app.addHook("onRequest", async (request, reply) => {
        const preflight = request.method === "OPTIONS";
        void reply.headers(corsHeaders(request.headers, config.app_origins, preflight));
        if (preflight) return reply.code(204).send();
      });
    }
    await app.register(fastifyConnectPlugin, {
      grpc: false,
      readMaxBytes: config.limits.body_bytes,
      acceptCompression: [],
      interceptors: [observe(scope, app.log, tier.metrics)],
      requestGate: (context: HandlerContext) => {
        // Before a message is read.
        const headers = Object.fromEntries(context.requestHeader);
        const allowed =
          scope === "browser"
            ? isSameOrigin(headers, config.origin)
            : isAppOrigin(headers, config.app_origins);
        if (!allowed) throw refusal("CROSS_SITE");
        const retryMs = rates.take(networkOf(context));
        if (retryMs > 0) throw refusal("TOO_MANY_REQUESTS", {}, retryMs);
      },
      contextValues: (request) =>
        createContextValues().set(callFacts, {
          requestId: request.id,
          traceparent: traceparentOf(request.headers["traceparent"], tier.random),
          address: request.ip,
          hangUp: () => hangUp(request.raw),
        }),
      routes: (router) => (scope === "browser" ? browserRoutes(router, tier) : appRoutes(router, tier)),
    });
  };
}
