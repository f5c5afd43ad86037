// The tier's configuration: one JSON file, checked once at the start. Secrets are in files of their own
// and are named here. docs of every key: the schema below. Starts nothing, connects to nothing.
import { readFileSync } from "node:fs";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import type { PageConfig } from "../shared/page.ts";

/** A mistake in the file, or in a file that it names: one line for each, with key, rule and fix. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(file: string, problems: readonly string[]) {
    super(problems.map((problem) => `${file}: ${problem}`).join("\n"));
    this.problems = problems;
  }
}

const text = z.string("must be a text: put it in quotes").min(1, "must not be empty: give a value");
const localized = z.strictObject({ ja: text, en: text });
const file = text;

/** `https`, or `http` to a name of this machine: what the browser, too, treats as secure. */
function isSecure(url: URL): boolean {
  return (
    url.protocol === "https:" || (url.protocol === "http:" && /^(localhost|127\.0\.0\.1)$/.test(url.hostname))
  );
}

const url = text.refine((value) => URL.canParse(value) && isSecure(new URL(value)), {
  error: "must be an https URL: write it as https://host/path",
});
const origin = text.refine(
  (value) => URL.canParse(value) && isSecure(new URL(value)) && new URL(value).origin === value,
  { error: "must be an origin: write it as https://host or https://host:port, without a path" },
);
const portRule = "must be 0 to 65535: 0 takes a free one";
const port = z.int(portRule).min(0, portRule).max(65_535, portRule);
const listen = z.strictObject({
  host: text.default("127.0.0.1"),
  port,
  /** Gets the port in decimal once it is open: for port 0. */
  port_file: file.optional(),
});

const addressRange = text.refine(
  (value) => {
    const [address = "", bits, ...rest] = value.split("/");
    const most = isIP(address) === 4 ? 32 : 128;
    return (
      isIP(address) > 0 && rest.length === 0 && (bits === undefined || (/^\d+$/.test(bits) && +bits <= most))
    );
  },
  { error: "must be an address or a CIDR range: write it as 192.0.2.7 or 192.0.2.0/24" },
);

function atMost(most: number, value: number): z.ZodDefault<z.ZodInt> {
  const rule = `must be a whole number from 1 to ${most}: the default is ${value}`;
  return z.int(rule).min(1, rule).max(most, rule).default(value);
}

const schema = z.strictObject({
  /** The tier's own origin, as browsers see it. */
  origin,
  listen,
  /** Certificate chain and key in PEM. Left out: an ingress in front ends TLS. */
  tls: z.strictObject({ certificate_file: file, key_file: file }).optional(),
  /** Addresses or CIDR ranges of proxies whose X-Forwarded-For says where a browser is. */
  trusted_proxies: z.array(addressRange).default([]),
  /** Metrics and health; never for the outside. */
  metrics_listen: listen.default({ host: "127.0.0.1", port: 0 }),
  /** What Vite built: index.html and assets/. */
  static_dir: file,
  /** Seals cookies; as `musubictl keyring new` writes it. */
  keyring_file: file,
  services: z.strictObject({
    address: text.regex(/^[^/\s]+:\d+$/, "must be host:port: write it as services.internal:50051"),
    /** The name in the server's certificate, if it is not the host of `address`. */
    server_name: text.optional(),
    ca_file: file,
    /** This tier's own client certificate: musubi://role/front. */
    certificate_file: file,
    key_file: file,
  }),
  /** Where authentication apps that are web pages come from; exact. */
  app_origins: z.array(origin).default([]),
  /** An id of the relying-party file. */
  relying_party_id: text.regex(/^[a-z][a-z0-9-]{0,63}$/, "must be an id of the relying-party file"),
  service_name: localized,
  /** As first_step of the relying-party file. */
  first_step: z.enum(["ACCOUNT", "CARD"], "must be ACCOUNT or CARD: as first_step in the relying-party file"),
  /** As allowed_acts of the relying-party file, without VERIFY. */
  acts: z
    .array(z.enum(["LINK", "UNLINK", "REPLACE"], "must be LINK, UNLINK or REPLACE"))
    .min(1, "must name an act: add LINK"),
  recovery_url: url,
  help_url: url,
  app: z.strictObject({
    name: localized,
    url,
    ios_url: url,
    android_url: url,
    ios_version: text,
    android_version: text,
    phones_url: url,
  }),
  oidc: z.strictObject({
    /** The provider is found by discovery. */
    issuer: url,
    client_id: text,
    client_secret_file: file,
    /** CA of the provider's TLS certificate, in PEM; left out: the system's. */
    ca_file: file.optional(),
    scopes: z.array(text).default(["openid", "profile"]),
    /** What an act asks of the provider, weakest first; as accepted_acr of the relying-party file. */
    acr_values: z.array(text).min(1, "must name an acr: take accepted_acr of the relying-party file"),
    /** The claim that its owner knows the account by. `sub` if the provider leaves it out. */
    account_name_claim: text.default("preferred_username"),
  }),
  limits: z
    .strictObject({
      /** Requests a second that one network may make for long, and at once. Campus NAT: many share one. */
      requests_per_second: atMost(10_000, 50),
      requests_burst: atMost(100_000, 500),
      /** Networks that are remembered; the ones not seen for longest are forgotten first. */
      networks: atMost(1_000_000, 20_000),
      /** Two streams a page; what exceeds the limit ends the oldest. */
      streams_per_session: atMost(100, 8),
      streams: atMost(100_000, 4_000),
      /** A reader that takes nothing for so long is cut off. */
      stalled_seconds: atMost(600, 30),
      /** A stream ends after so long, and the page begins a new one: load moves to new replicas. */
      stream_seconds: atMost(1_800, 600),
      /** How often an unchanged session view is sent again, so that both ends know that the other lives. */
      heartbeat_seconds: atMost(600, 20),
      unary_seconds: atMost(10, 8),
      body_bytes: atMost(1_048_576, 65_536),
      /** How long a stop waits for calls that run. */
      drain_seconds: atMost(600, 10),
    })
    .prefault({}),
});

/** What the file says, with defaults; paths are absolute. */
export type Config = z.infer<typeof schema>;

/** Every key, and every key of an object in it: for the check that the documents name them all. */
export function configKeys(): string[] {
  const keysOf = (value: unknown): string[] => {
    if (typeof value !== "object" || value === null) return [];
    if (!("properties" in value)) return [];
    return Object.entries(value.properties as object).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
  };
  const all = keysOf(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }));
  return [...new Set(all)].filter((key) => key !== "ja" && key !== "en");
}

/** What the named files hold. */
export interface Material {
  /** Text of the keyring file. */
  keyring: string;
  clientSecret: string;
  oidcCa: string | undefined;
  servicesCa: Buffer;
  servicesCertificate: Buffer;
  servicesKey: Buffer;
  tls: { certificate: Buffer; key: Buffer } | undefined;
}

function describe(issue: z.core.$ZodIssue): string {
  const key = issue.path.map(String).join(".") || "the file";
  if (issue.code === "unrecognized_keys") {
    return `${key}: has no key ${issue.keys.map((name) => `"${name}"`).join(", ")}: correct the name, or remove it`;
  }
  if (issue.code === "invalid_type" && issue.input === undefined) return `${key}: is missing: add it`;
  return `${key}: ${issue.message}`;
}

/** Checks what a JSON file says; `name` is for error messages. Throws ConfigError. */
export function parseConfig(json: string, name: string): Config {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new ConfigError(name, [`is not JSON: ${String(error)}`]);
  }
  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) throw new ConfigError(name, result.error.issues.map(describe));
  const config = result.data;
  if (config.limits.requests_burst < config.limits.requests_per_second) {
    throw new ConfigError(name, [
      "limits.requests_burst: must not be below limits.requests_per_second: raise it",
    ]);
  }
  return config;
}

/** Reads the file and what it names; relative paths are from its folder. Throws ConfigError. */
export function loadConfig(path: string): { config: Config; material: Material } {
  const problems: string[] = [];
  const read = (key: string, name: string): Buffer => {
    try {
      return readFileSync(resolve(dirname(path), name));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "error";
      problems.push(`${key}: cannot read ${name} (${code}): correct the name or its permissions`);
      return Buffer.alloc(0);
    }
  };
  // OpenSSL would say what is wrong, and not where.
  const pem = (what: "certificate" | "private key", key: string, name: string): Buffer => {
    const octets = read(key, name);
    try {
      if (what === "certificate") new X509Certificate(octets);
      else createPrivateKey(octets);
    } catch {
      if (octets.length > 0) problems.push(`${key}: ${name} must be a ${what} in PEM: name another file`);
    }
    return octets;
  };
  const json = read("--config", resolve(path)).toString("utf8");
  if (problems.length > 0) throw new ConfigError(path, problems);
  const config = parseConfig(json, path);
  config.static_dir = resolve(dirname(path), config.static_dir);
  for (const place of [config.listen, config.metrics_listen]) {
    if (place.port_file !== undefined) place.port_file = resolve(dirname(path), place.port_file);
  }
  const material: Material = {
    keyring: read("keyring_file", config.keyring_file).toString("utf8"),
    clientSecret: read("oidc.client_secret_file", config.oidc.client_secret_file).toString("utf8").trim(),
    oidcCa:
      config.oidc.ca_file === undefined
        ? undefined
        : pem("certificate", "oidc.ca_file", config.oidc.ca_file).toString("utf8"),
    servicesCa: pem("certificate", "services.ca_file", config.services.ca_file),
    servicesCertificate: pem("certificate", "services.certificate_file", config.services.certificate_file),
    servicesKey: pem("private key", "services.key_file", config.services.key_file),
    tls:
      config.tls === undefined
        ? undefined
        : {
            certificate: pem("certificate", "tls.certificate_file", config.tls.certificate_file),
            key: pem("private key", "tls.key_file", config.tls.key_file),
          },
  };
  if (problems.length > 0) throw new ConfigError(path, problems);
  return { config, material };
}

/** What pages are told of it. */
export function pageConfig(config: Config): PageConfig {
  return {
    relyingPartyId: config.relying_party_id,
    serviceName: config.service_name,
    app: {
      name: config.app.name,
      url: config.app.url,
      iosUrl: config.app.ios_url,
      androidUrl: config.app.android_url,
      iosVersion: config.app.ios_version,
      androidVersion: config.app.android_version,
      phonesUrl: config.app.phones_url,
    },
    firstStep: config.first_step,
    acts: config.acts,
    recoveryUrl: config.recovery_url,
    helpUrl: config.help_url,
  };
}
