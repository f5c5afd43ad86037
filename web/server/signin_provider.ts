// The identity provider, as the tier reaches it: found by discovery when it is first needed, asked over
// TLS with bounds on time and size. Knows nothing of cookies, browsers and purposes.
import { request as httpRequest, Agent as HttpAgent } from "node:http";
import { request as httpsRequest, Agent as HttpsAgent } from "node:https";

import * as oidc from "openid-client";

import type { Clock } from "../shared/clock.ts";

export interface ProviderOptions {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** CA of the provider's certificate in PEM; the system's if absent. */
  ca: string | undefined;
  clock: Clock;
}

const REQUEST_TIMEOUT_MS = 5_000;
// Metadata, keys, tokens and claims of real providers have a few KiB.
const MAX_ANSWER_SIZE = 256 * 1024;
// Endpoints and algorithms change with a provider's releases, keys are fetched anew by themselves.
const METADATA_LIFETIME_MS = 60 * 60_000;
// For ID tokens of a provider whose clock is a little ahead.
const CLOCK_TOLERANCE_S = 30;

/** Finds the provider and remembers what it found. Works through concurrent calls. */
export class IdentityProvider {
  readonly #options: ProviderOptions;
  readonly #fetch: oidc.CustomFetch;
  #found: { configuration: oidc.Configuration; at: number } | undefined;
  #finding: Promise<oidc.Configuration> | undefined;

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.#fetch = boundedFetch(options.ca);
  }

  /** Throws if the provider is away; the next call tries again. */
  async configuration(): Promise<oidc.Configuration> {
    const found = this.#found;
    if (found !== undefined && this.#options.clock.now() - found.at < METADATA_LIFETIME_MS) {
      return found.configuration;
    }
    this.#finding ??= this.#discover().finally(() => {
      this.#finding = undefined;
    });
    return this.#finding;
  }

  /** After an answer that does not fit what was found: the provider may have been set up anew. */
  forget(): void {
    this.#found = undefined;
  }

  async #discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret, clock } = this.#options;
    const configuration = await oidc.discovery(
      new URL(issuer),
      clientId,
      { client_secret: clientSecret, [oidc.clockTolerance]: CLOCK_TOLERANCE_S },
      // Basic unless the provider says that it takes only the other: OpenID Connect Core section 9.
      (server, client, body, headers) => {
        const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
        const authenticate = methods.includes("client_secret_basic")
          ? oidc.ClientSecretBasic(clientSecret)
          : oidc.ClientSecretPost(clientSecret);
        authenticate(server, client, body, headers);
      },
      {
        [oidc.customFetch]: this.#fetch,
        timeout: REQUEST_TIMEOUT_MS / 1_000,
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so as a warning; loopback only (config.ts)
        execute: issuer.startsWith("http:") ? [oidc.allowInsecureRequests] : [],
      },
    );
    // The channel to the provider is authenticated already; a token that something on the way has made
    // is found all the same.
    oidc.enableNonRepudiationChecks(configuration);
    this.#found = { configuration, at: clock.now() };
    return configuration;
  }
}

/** fetch, as openid-client needs it, with a CA of its own: no redirects, bounded time and size. */
export function boundedFetch(ca: string | undefined, timeoutMs = REQUEST_TIMEOUT_MS): oidc.CustomFetch {
  const agent = new HttpsAgent({ keepAlive: true, maxSockets: 32, ...(ca === undefined ? {} : { ca }) });
  const plainAgent = new HttpAgent({ keepAlive: true, maxSockets: 32 });
  return (target, { method, headers, body, signal }) =>
    new Promise<Response>((resolve, reject) => {
      const url = new URL(target);
      const limit = AbortSignal.timeout(timeoutMs);
      const options = {
        method,
        headers: Object.fromEntries(Object.entries(headers)),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      };
      const call =
        url.protocol === "https:"
          ? httpsRequest(url, { ...options, agent })
          : httpRequest(url, { ...options, agent: plainAgent });
      call.on("error", reject);
      call.on("response", (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on("error", reject);
        answer.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER_SIZE)
            answer.destroy(new Error(`${url.host} sends more than ${MAX_ANSWER_SIZE} octets`));
          else chunks.push(chunk);
        });
        answer.on("end", () => {
          const status = answer.statusCode ?? 0;
          if (status < 200 || status > 599) {
            reject(new Error(`${url.host} answers with status ${status}`));
            return;
          }
          const known = new Headers();
          for (const [name, value] of Object.entries(answer.headers)) {
            if (value !== undefined) known.set(name, Array.isArray(value) ? value.join(", ") : value);
          }
          const content = status === 204 || status === 304 ? null : Buffer.concat(chunks);
          resolve(new Response(content, { status, headers: known }));
        });
      });
      call.end(body === null || body === undefined ? undefined : text(body));
    });
}

function text(body: unknown): string {
  if (typeof body === "string") return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError("only a form goes to the identity provider");
}
