// The demo relying party's pages over HTTPS: "forgot your password". A pretence, except for how it learns
// whose card was there.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import formbody from "@fastify/formbody";
import helmet from "@fastify/helmet";
import { parseCookie, stringifySetCookie } from "cookie";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { z } from "zod";

import { chooseLanguage, type Language } from "../shared/language.ts";
import { sameSecret } from "../shared/secret.ts";

import {
  donePage,
  LEAST_PASSWORD_LENGTH,
  linksPage,
  passwordPage,
  PATHS,
  refusalPage,
  startPage,
  stepUpPage,
  textPage,
  type View,
} from "./pages.ts";
import { Recovery, Refusal, type RecoveryDependencies, type Refused, type Stage } from "./recovery.ts";

export interface DemoRpOptions {
  origin: string;
  relyingPartyId: string;
  returnUri: string;
  tierOrigin: string;
  tls: { certificate: string; key: string } | undefined;
}

const VISIT_COOKIE = "__Host-mihon_recovery";
const LANGUAGE_COOKIE = "__Host-mihon_language";
const LANGUAGE_LIFETIME_S = 365 * 24 * 3_600;
/** Would go to the person's registered contact. */
export const DEMO_STEP_UP_CODE = "135790";

const STATUS: Record<Refused, number> = {
  NOTHING_BEGUN: 400,
  OTHER_BROWSER: 403,
  CODE_USED: 400,
  CANCELLED: 200,
  NO_LINK: 404,
  CROSS_DEVICE_SUSPENDED: 403,
  TOO_MANY: 429,
  STEP_UP_FAILED: 403,
  TROUBLE: 503,
};

// What does not fit is as if it were not there.
const Query = z.object({
  lang: z.enum(["ja", "en"]).optional().catch(undefined),
  state: z.string().max(1_024).catch(""),
  code: z.string().max(1_024).catch(""),
});
const StepUpForm = z.object({ code: z.string().max(64).catch("") });
const PasswordForm = z.object({
  first: z.string().max(1_024).catch(""),
  second: z.string().max(1_024).catch(""),
});

/** Builds the server; it listens to nothing by itself. */
export async function buildDemoRp(
  options: DemoRpOptions,
  dependencies: RecoveryDependencies,
): Promise<FastifyInstance> {
  const app = options.tls === undefined ? Fastify() : secureFastify(options.tls);
  const recovery = new Recovery(dependencies, options);

  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "img-src": ["data:"],
        // The form that begins leads to the tier, which browsers hold against this.
        "form-action": ["'self'", options.tierOrigin],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
      },
    },
    // State and result code are in the query of one page: it tells them to nobody. Our own forms still say
    // where they are from, which `no-referrer` would take from their Origin header.
    referrerPolicy: { policy: "same-origin" },
  });
  await app.register(formbody);
  const style = readFileSync(fileURLToPath(new URL("../ui/styles.css", import.meta.url)), "utf8");
  app.get("/styles.css", (_request, reply) => reply.type("text/css; charset=utf-8").send(style));

  app.addHook("onRequest", async (request, reply) => {
    void reply.header("cache-control", "no-store");
    // Pressed on another site: not by this person's wish.
    if (request.method === "POST" && !fromOwnPage(request, options.origin)) {
      return show(reply, refusalPage(view(request), "NOTHING_BEGUN", PATHS.recovery), 403);
    }
  });
  app.setErrorHandler((error, request, reply) => {
    const reason = error instanceof Refusal ? error.reason : "TROUBLE";
    if (reason === "TROUBLE")
      process.stderr.write(`${request.method} ${route(request)}: ${describe(error)}\n`);
    // Only the return may be tried again as it is; the query is the person's own.
    const retry = route(request) === PATHS.back ? request.url : PATHS.recovery;
    return show(reply, refusalPage(view(request), reason, retry), STATUS[reason]);
  });
  app.setNotFoundHandler((request, reply) =>
    show(reply, refusalPage(view(request), "NOT_FOUND", PATHS.recovery), 404),
  );
  app.get("/", (_request, reply) => reply.redirect(PATHS.recovery, 303));

  // GET makes nothing: a page that is fetched ahead opens no journey.
  app.get(PATHS.recovery, (request, reply) =>
    show(reply, startPage(view(request), options.origin + PATHS.recovery)),
  );
  app.post(PATHS.recovery, async (request, reply) => {
    const { visit, lifetimeMs, startUrl } = await recovery.begin(visitOf(request), language(request));
    setCookie(reply, VISIT_COOKIE, visit, lifetimeMs / 1_000);
    return reply.redirect(startUrl, 303);
  });
  app.get(PATHS.back, async (request, reply) => {
    if (isPrefetch(request)) return reply.code(503).send();
    const { state, code } = Query.parse(request.query);
    return reply.redirect(pathOf(await recovery.complete(visitOf(request), state, code)), 303);
  });

  app.get(PATHS.stepUp, (request, reply) => {
    const stage = recovery.stage(visitOf(request));
    if (stage.name !== "STEP_UP") return reply.redirect(pathOf(stage), 303);
    return show(reply, stepUpPage(view(request), DEMO_STEP_UP_CODE, undefined));
  });
  app.post(PATHS.stepUp, (request, reply) => {
    const { code } = StepUpForm.parse(request.body ?? {});
    const right = recovery.stepUp(visitOf(request), sameSecret(code.trim(), DEMO_STEP_UP_CODE));
    if (right) return reply.redirect(PATHS.password, 303);
    const stage = recovery.stage(visitOf(request));
    const left = stage.name === "STEP_UP" ? stage.triesLeft : 0;
    return show(reply, stepUpPage(view(request), DEMO_STEP_UP_CODE, left));
  });

  app.get(PATHS.password, (request, reply) => {
    const stage = recovery.stage(visitOf(request));
    if (stage.name !== "FOUND") return reply.redirect(pathOf(stage), 303);
    return show(reply, passwordPage(view(request), masked(stage.found.subject), undefined));
  });
  app.post(PATHS.password, (request, reply) => {
    const stage = recovery.stage(visitOf(request));
    if (stage.name !== "FOUND") return reply.redirect(pathOf(stage), 303);
    const { first, second } = PasswordForm.parse(request.body ?? {});
    const short = Array.from(first).length < LEAST_PASSWORD_LENGTH;
    if (short || first !== second) {
      const wrong = short ? "SHORT" : "DIFFER";
      return show(reply, passwordPage(view(request), masked(stage.found.subject), wrong));
    }
    recovery.finish(visitOf(request));
    return reply.redirect(PATHS.done, 303);
  });
  app.get(PATHS.done, (request, reply) => {
    const stage = recovery.stage(visitOf(request));
    if (stage.name !== "DONE") return reply.redirect(pathOf(stage), 303);
    return show(reply, donePage(view(request)));
  });
  app.get(PATHS.links, async (request, reply) => {
    const links = await recovery.links(visitOf(request));
    const stage = recovery.stage(visitOf(request));
    const account = "found" in stage ? masked(stage.found.subject) : "";
    return show(reply, linksPage(view(request), account, links));
  });
  for (const name of ["help", "policy", "terms"] as const) {
    app.get(PATHS[name], (request, reply) => show(reply, textPage(view(request), name)));
  }

  function show(reply: FastifyReply, text: string, status = 200): FastifyReply {
    const wish = Query.parse(reply.request.query).lang;
    if (wish !== undefined) setCookie(reply, LANGUAGE_COOKIE, wish, LANGUAGE_LIFETIME_S);
    return reply.code(status).type("text/html; charset=utf-8").send(text);
  }
  return app;
}

/** What the page is in, and its address in the other language: the same query, which is the person's own. */
function view(request: FastifyRequest): View {
  const own = language(request);
  const [path = "", query] = request.url.split("?");
  const parameters = new URLSearchParams(query);
  parameters.set("lang", own === "ja" ? "en" : "ja");
  // What a press has led to cannot be asked for again; its page is shown at the path of the form.
  const shown = request.method === "GET" || path !== PATHS.recovery;
  return { language: own, otherLanguage: shown ? `${path}?${parameters.toString()}` : undefined };
}

function secureFastify(tls: { certificate: string; key: string }): FastifyInstance {
  const app = Fastify({ http2: true, https: { allowHTTP1: true, cert: tls.certificate, key: tls.key } });
  // Fastify has a type of its own for each kind of server; requests and replies are the same to us.
  return app as unknown as FastifyInstance;
}

/** Where the browser of this stage belongs. */
function pathOf(stage: Stage): string {
  switch (stage.name) {
    case "AWAY":
      return PATHS.recovery;
    case "STEP_UP":
      return PATHS.stepUp;
    case "FOUND":
      return PATHS.password;
    case "DONE":
      return PATHS.done;
  }
}

/** Enough for the owner to know the account. */
export function masked(subject: string): string {
  const points = Array.from(subject);
  return `${points.slice(0, Math.min(2, Math.floor(points.length / 2))).join("")}***`;
}

function route(request: FastifyRequest): string {
  return request.routeOptions.url ?? "none";
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}`;
}

function fromOwnPage(request: FastifyRequest, origin: string): boolean {
  const site = request.headers["sec-fetch-site"];
  return request.headers.origin === origin && (site === undefined || site === "same-origin");
}

function isPrefetch(request: FastifyRequest): boolean {
  return `${String(request.headers["sec-purpose"])}${String(request.headers["purpose"])}`.includes(
    "prefetch",
  );
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  return parseCookie(request.headers.cookie ?? "")[name];
}

function visitOf(request: FastifyRequest): string | undefined {
  return cookieOf(request, VISIT_COOKIE);
}

function language(request: FastifyRequest): Language {
  const wish = Query.parse(request.query).lang;
  return chooseLanguage(wish, cookieOf(request, LANGUAGE_COOKIE), request.headers["accept-language"]);
}

function setCookie(reply: FastifyReply, name: string, value: string, maxAge: number): void {
  void reply.header(
    "set-cookie",
    stringifySetCookie({ name, value, path: "/", secure: true, httpOnly: true, sameSite: "lax", maxAge }),
  );
}
