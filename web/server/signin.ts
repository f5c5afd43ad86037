// Sign-in at the university's identity provider: OpenID Connect's code flow with PKCE, state and nonce.
// All that is remembered between its two requests is in a sealed cookie of the browser that began. Where
// the browser goes afterwards follows from the purpose, and from nothing that a request says.
import type { FastifyRequest } from "fastify";
import * as oidc from "openid-client";
import { z } from "zod";

import type { Clock } from "../shared/clock.ts";
import type { Refusal, SignInPurpose, SignInResponse } from "../shared/page.ts";
import { ENDPOINTS, PAGES } from "../shared/routes.ts";
import { sameSecret } from "../shared/secret.ts";
import type { TierReason } from "../shared/tier_reasons.ts";

import type { Material } from "./config.ts";
import { OIDC_LIFETIME_MS, SIGN_IN_LIFETIME_MS, type Cookies, type SignInCookie } from "./cookies.ts";
import { maskedHint, shownName } from "./signin_account.ts";
import { IdentityProvider } from "./signin_provider.ts";
import type { TierPlugin } from "./tier.ts";

/** POST /signin and GET /callback. */
export function signInPlugin(material: Pick<Material, "clientSecret" | "oidcCa">): TierPlugin {
  return (app, { config, cookies, clock }) => {
    const signIn = new SignIn(
      {
        origin: config.origin,
        issuer: config.oidc.issuer,
        clientId: config.oidc.client_id,
        clientSecret: material.clientSecret,
        ca: material.oidcCa,
        scopes: config.oidc.scopes,
        acrValues: config.oidc.acr_values,
        accountNameClaim: config.oidc.account_name_claim,
      },
      { cookies, clock },
    );
    const note = (request: FastifyRequest, step: string, { outcome, detail }: Noted) => {
      if (outcome === "OK") return;
      request.log.info({ request_id: request.id, step, outcome, detail }, "not signed in");
    };

    app.post(ENDPOINTS.signIn, async (request, reply) => {
      const answer = await signIn.begin(request.headers.cookie, request.body);
      note(request, "begin", answer);
      return reply
        .code(answer.status)
        .header("cache-control", "no-store")
        .header("set-cookie", answer.setCookie)
        .send(answer.body);
    });

    app.get(
      ENDPOINTS.callback,
      { exposeHeadRoute: false, config: { once: true } },
      async (request, reply) => {
        const at = request.url.indexOf("?");
        const answer = await signIn.finish(request.headers.cookie, at < 0 ? "" : request.url.slice(at));
        note(request, "callback", answer);
        return reply
          .header("cache-control", "no-store")
          .header("set-cookie", answer.setCookie)
          .redirect(answer.location, 303);
      },
    );
  };
}

export interface SignInOptions {
  /** The tier's own origin. */
  origin: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** CA of the provider's certificate in PEM; the system's if absent. */
  ca: string | undefined;
  scopes: readonly string[];
  /** Accepted for acts, weakest first. */
  acrValues: readonly string[];
  accountNameClaim: string;
}

export interface SignInDependencies {
  cookies: Cookies;
  clock: Clock;
}

export type SignInReason =
  | Extract<TierReason, "SIGN_IN_CANCELLED" | "SIGN_IN_MISMATCH" | "SIGN_IN_FAILED">
  | "SIGN_IN_TOO_OLD"
  | "ACR_NOT_ACCEPTED";
export type SignInOutcome = "OK" | "FIELD_INVALID" | SignInReason;

interface Demands {
  /** A sign-in made for this, not one of earlier. */
  fresh: boolean;
  /** One of the accepted acr values. */
  acr: boolean;
  /** Claim auth_time at most so long ago. */
  maxAgeS: number;
}

// What musubid accepts for an act: SignIn.auth_time of the wire contract.
const FOR_ACTS: Demands = { fresh: true, acr: true, maxAgeS: 600 };
// A working day: the university's single sign-on counts.
const FOR_LOOKING: Demands = { fresh: false, acr: false, maxAgeS: 12 * 3_600 };

const DEMANDS: Record<SignInPurpose, Demands> = {
  LINK: FOR_ACTS,
  UNLINK: FOR_ACTS,
  REPLACE: FOR_ACTS,
  RESUME: FOR_ACTS,
  STATUS_UNLINK: FOR_ACTS,
  STATUS: FOR_LOOKING,
  MY: FOR_LOOKING,
};

// Between the provider's clock and ours.
const CLOCK_TOLERANCE_S = 60;

const SignInRequestSchema = z.strictObject({
  purpose: z.enum(Object.keys(DEMANDS) as SignInPurpose[]),
  locale: z.enum(["ja", "en"]),
});

const TransactionSchema = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  purpose: SignInRequestSchema.shape.purpose,
  /** Id in the session cookie of the browser that began; null if it had none. */
  session: z.string().nullable(),
  /** Seconds since the epoch. */
  startedAt: z.int(),
});
type Transaction = z.infer<typeof TransactionSchema>;

/** Where a sign-in leads: nothing of it comes from a request. */
export const LANDING: Record<SignInPurpose, string> = {
  LINK: PAGES.journey,
  UNLINK: PAGES.journey,
  REPLACE: PAGES.journey,
  RESUME: PAGES.journey,
  STATUS: PAGES.status,
  STATUS_UNLINK: PAGES.status,
  MY: PAGES.my,
};

/** How a request ended. `detail` is for the log; it has no secret and no name. */
interface Noted {
  outcome: SignInOutcome;
  detail?: string | undefined;
}

export interface BeginAnswer extends Noted {
  status: 200 | 400 | 503;
  body: SignInResponse | Refusal;
  setCookie: string[];
}

export interface CallbackAnswer extends Noted {
  /** A path of this tier, with `#error=REASON` if the person is not signed in. */
  location: string;
  setCookie: string[];
}

/** Both halves of signing in. Holds no state but what the provider says of itself. */
export class SignIn {
  readonly #options: SignInOptions;
  readonly #cookies: Cookies;
  readonly #clock: Clock;
  readonly #provider: IdentityProvider;

  constructor(options: SignInOptions, { cookies, clock }: SignInDependencies) {
    this.#options = options;
    this.#cookies = cookies;
    this.#clock = clock;
    this.#provider = new IdentityProvider({ ...options, clock });
  }

  /** POST /signin. The caller has checked that it is same-origin. */
  async begin(cookieHeader: string | undefined, body: unknown): Promise<BeginAnswer> {
    const request = SignInRequestSchema.safeParse(body);
    if (!request.success) {
      return { outcome: "FIELD_INVALID", status: 400, body: { reason: "FIELD_INVALID" }, setCookie: [] };
    }
    const { purpose, locale } = request.data;
    const demands = DEMANDS[purpose];
    const transaction: Transaction = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      purpose,
      session: this.#cookies.read("session", cookieHeader)?.value.id ?? null,
      startedAt: this.#nowS(),
    };
    let location: URL;
    try {
      location = oidc.buildAuthorizationUrl(await this.#provider.configuration(), {
        redirect_uri: this.#options.origin + ENDPOINTS.callback,
        scope: this.#options.scopes.join(" "),
        code_challenge: await oidc.calculatePKCECodeChallenge(transaction.verifier),
        code_challenge_method: "S256",
        state: transaction.state,
        nonce: transaction.nonce,
        max_age: String(demands.maxAgeS),
        ui_locales: locale,
        ...(demands.fresh ? { prompt: "login" } : {}),
        ...(demands.acr ? { acr_values: this.#options.acrValues.join(" ") } : {}),
      });
    } catch (error) {
      const outcome = "SIGN_IN_FAILED";
      return { outcome, detail: describe(error), status: 503, body: { reason: outcome }, setCookie: [] };
    }
    const expiresAt = this.#clock.now() + OIDC_LIFETIME_MS;
    return {
      outcome: "OK",
      status: 200,
      body: { location: location.href },
      setCookie: [this.#cookies.set("oidc", transaction, expiresAt)],
    };
  }

  /** GET /callback. `query` is what follows the path, with its question mark. */
  async finish(cookieHeader: string | undefined, query: string): Promise<CallbackAnswer> {
    const transaction = TransactionSchema.safeParse(this.#cookies.read("oidc", cookieHeader)?.value).data;
    const states = new URLSearchParams(query).getAll("state");
    if (transaction === undefined || states.length !== 1 || !sameSecret(states[0] ?? "", transaction.state)) {
      // Not an answer to what this browser asked; a sign-in that it has under way stays.
      const detail = transaction === undefined ? "no transaction" : "another state";
      const outcome = "SIGN_IN_MISMATCH";
      return { outcome, detail, location: `${PAGES.home}#error=${outcome}`, setCookie: [] };
    }
    // From here on the transaction is used, whatever comes of it.
    const setCookie = [this.#cookies.clear("oidc")];
    const session = this.#cookies.read("session", cookieHeader)?.value.id ?? null;
    const page = LANDING[transaction.purpose];
    const result =
      session === transaction.session
        ? await this.#redeem(transaction, query)
        : { reason: "SIGN_IN_MISMATCH" as const, detail: "another session" };
    if ("reason" in result) {
      const { reason, detail } = result;
      return { outcome: reason, detail, location: `${page}#error=${reason}`, setCookie };
    }
    setCookie.push(this.#cookies.set("signIn", result, this.#clock.now() + SIGN_IN_LIFETIME_MS));
    return { outcome: "OK", location: page, setCookie };
  }

  async #redeem(
    transaction: Transaction,
    query: string,
  ): Promise<SignInCookie | { reason: SignInReason; detail: string | undefined }> {
    const refuse = (reason: SignInReason, detail?: string) => ({ reason, detail });
    const { scopes, accountNameClaim, acrValues, origin } = this.#options;
    const demands = DEMANDS[transaction.purpose];
    let claims: oidc.IDToken;
    let name: unknown;
    try {
      const configuration = await this.#provider.configuration();
      const tokens = await oidc.authorizationCodeGrant(
        configuration,
        new URL(ENDPOINTS.callback + query, origin),
        {
          expectedState: transaction.state,
          expectedNonce: transaction.nonce,
          pkceCodeVerifier: transaction.verifier,
          idTokenExpected: true,
        },
      );
      const idToken = tokens.claims();
      if (idToken === undefined) return refuse("SIGN_IN_FAILED", "no ID token");
      claims = idToken;
      name = claims[accountNameClaim];
      // Providers may keep the claims of a scope for the userinfo endpoint.
      if (name === undefined && scopes.length > 1 && configuration.serverMetadata().userinfo_endpoint) {
        name = (await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub))[accountNameClaim];
      }
    } catch (error) {
      if (error instanceof oidc.AuthorizationResponseError && error.error === "access_denied") {
        return refuse("SIGN_IN_CANCELLED");
      }
      const answered =
        error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError;
      if (!answered) this.#provider.forget();
      return refuse("SIGN_IN_FAILED", describe(error));
    }

    const now = this.#nowS();
    const authTime = claims.auth_time;
    if (authTime === undefined || authTime > now + CLOCK_TOLERANCE_S) {
      return refuse("SIGN_IN_FAILED", authTime === undefined ? "no auth_time" : "auth_time lies ahead");
    }
    if (authTime < now - demands.maxAgeS - CLOCK_TOLERANCE_S) return refuse("SIGN_IN_TOO_OLD");
    const fresh = authTime >= transaction.startedAt - CLOCK_TOLERANCE_S;
    if (demands.fresh && !fresh) return refuse("SIGN_IN_TOO_OLD");
    const acr = typeof claims["acr"] === "string" ? claims["acr"] : "";
    if (demands.acr && !acrValues.includes(acr)) return refuse("ACR_NOT_ACCEPTED");

    const shown = shownName(typeof name === "string" ? name : "") || shownName(claims.sub);
    return {
      issuer: claims.iss,
      subject: claims.sub,
      name: shown,
      hint: maskedHint(shown),
      // A clock that is a little ahead is no reason to refuse the act later.
      authTime: Math.min(authTime, now),
      acr,
      fresh,
    };
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1_000);
  }
}

/** What went wrong with the provider, for the log: library and network messages name no person. */
function describe(error: unknown): string {
  if (error instanceof oidc.AuthorizationResponseError) return `the provider refused: ${error.error}`;
  if (error instanceof oidc.ResponseBodyError) return `the token endpoint refused: ${error.error}`;
  if (!(error instanceof Error)) return "unknown";
  const code = (error as NodeJS.ErrnoException).code;
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${code === undefined ? "" : `${code}: `}${error.message}${cause}`;
}
