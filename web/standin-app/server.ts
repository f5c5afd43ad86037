// The stand-in of the authentication app, as a web page needs it: static files over HTTPS, and nothing else.
// No part of production. Sets no cookie and reads none; the app itself is in the page.
//
// No HSTS: the demo's certificate is of a test CA, and browsers let nobody past a warning on a host that
// once sent HSTS.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import helmet from "@fastify/helmet";
import fastifyStatic from "@fastify/static";
import Fastify from "fastify";

import { placePage, PLACES } from "./places.ts";

export interface StandInOptions {
  host: string;
  port: number;
  tls: { certificate: string; key: string };
  staticDir: string;
  tierOrigin: string;
}

export interface StandIn {
  port: number;
  close(): Promise<void>;
}

/** In index.html; the server puts the tier's origin in. */
const PLACEHOLDER = "https://tier.invalid";

export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  // Read for each visit: files are built anew under a running demo.
  const page = (): string => {
    const document = readFileSync(join(options.staticDir, "index.html"), "utf8");
    if (!document.includes(PLACEHOLDER)) throw new Error("index.html has no place for the tier's origin");
    return document.replace(PLACEHOLDER, options.tierOrigin);
  };
  page();

  const app = Fastify({
    http2: true,
    https: { allowHTTP1: true, cert: options.tls.certificate, key: options.tls.key },
    forceCloseConnections: true,
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": [options.tierOrigin],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "require-trusted-types-for": ["'script'"],
      },
    },
    strictTransportSecurity: false,
    referrerPolicy: { policy: "no-referrer" },
  });
  app.addHook("onSend", (_request, reply, _payload, done) => {
    void reply.header("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    done();
  });
  app.get("/", (_request, reply) =>
    reply.type("text/html; charset=utf-8").header("cache-control", "no-store").send(page()),
  );
  for (const place of Object.keys(PLACES) as (keyof typeof PLACES)[]) {
    app.get(place, (_request, reply) => reply.type("text/html; charset=utf-8").send(placePage(place)));
  }
  // Names of files hold a hash of what is in them.
  await app.register(fastifyStatic, {
    root: options.staticDir,
    index: false,
    immutable: true,
    maxAge: "365d",
    allowedPath: (path) => !path.endsWith(".html") && !path.startsWith("/."),
  });
  await app.listen({ host: options.host, port: options.port });
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return { port, close: () => app.close() };
}
