// The tier's cookies, which are all that it remembers of a browser. Each is sealed for its own name
// (seal.ts), `__Host-` (this host, https, no Domain), HttpOnly and SameSite=Lax. Works on header texts,
// so that Fastify's requests and Connect's handlers use the same.
import { parseCookie, stringifySetCookie } from "cookie";
import { z } from "zod";
import type { Clock } from "../shared/clock.ts";
import type { Sealer } from "./seal.ts";

const sessionSchema = z.object({
  /** base64url of 16 octets. */
  id: z.string(),
  /** base64url of 32 octets: the browser credential. */
  credential: z.string(),
  act: z.enum(["LINK", "UNLINK", "VERIFY", "REPLACE"]),
  /** The credential was replaced after the card's proof (BindAccount, CompleteReturn). */
  returned: z.boolean(),
});
const signInSchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  /** As its owner knows the account; for their own eyes. */
  name: z.string(),
  /** As in "sh***": may be shown on the phone. At most 64 octets. */
  hint: z.string(),
  /** Claim auth_time: seconds since the epoch. */
  authTime: z.int(),
  acr: z.string(),
  /** The provider asked the person for this sign-in: none of earlier served. What an act needs. */
  fresh: z.boolean(),
});
const resultSchema = z.object({ returnUri: z.string(), state: z.string(), code: z.string() });
// Its own module knows what is in it.
const oidcSchema = z.unknown();

/** The cookies and what is in them. */
export const COOKIES = {
  session: { name: "__Host-musubi_session", schema: sessionSchema },
  signIn: { name: "__Host-musubi_signin", schema: signInSchema },
  oidc: { name: "__Host-musubi_oidc", schema: oidcSchema },
  result: { name: "__Host-musubi_result", schema: resultSchema },
} as const;

export type CookieKind = keyof typeof COOKIES;
export type CookieValue<K extends CookieKind> = z.infer<(typeof COOKIES)[K]["schema"]>;
export type SessionCookie = CookieValue<"session">;
export type SignInCookie = CookieValue<"signIn">;

/** How long the sealed states live. A session's cookie lives as long as the session. */
export const SIGN_IN_LIFETIME_MS = 15 * 60_000;
export const OIDC_LIFETIME_MS = 10 * 60_000;
export const RESULT_LIFETIME_MS = 60_000;

// Browsers refuse more than 4,096 octets of name, value and attributes.
const MAX_COOKIE_SIZE = 4_096;

/** Reads and writes cookies. Holds no state. */
export class Cookies {
  readonly #sealer: Sealer;
  readonly #clock: Clock;

  constructor(sealer: Sealer, clock: Clock) {
    this.#sealer = sealer;
    this.#clock = clock;
  }

  /** What a Cookie header says; undefined if the cookie is absent, damaged, foreign or over. */
  read<K extends CookieKind>(
    kind: K,
    header: string | null | undefined,
  ): { value: CookieValue<K>; expiresAt: number } | undefined {
    const { name, schema } = COOKIES[kind];
    const sealed = parseCookie(header ?? "")[name];
    if (sealed === undefined) return undefined;
    const opened = this.#sealer.open(name, sealed);
    if (opened === undefined) return undefined;
    const parsed = schema.safeParse(opened.value);
    if (!parsed.success) return undefined;
    return { value: parsed.data as CookieValue<K>, expiresAt: opened.expiresAt };
  }

  /** A Set-Cookie header that keeps `value` until `expiresAt` (ms since the epoch). Throws if the value
   *  does not fit into a cookie. */
  set<K extends CookieKind>(kind: K, value: CookieValue<K>, expiresAt: number): string {
    const { name } = COOKIES[kind];
    const left = Math.max(0, Math.floor((expiresAt - this.#clock.now()) / 1_000));
    const cookie = serialize(name, this.#sealer.seal(name, value, expiresAt), left);
    if (cookie.length > MAX_COOKIE_SIZE) throw new Error(`the cookie ${name} has ${cookie.length} octets`);
    return cookie;
  }

  /** A Set-Cookie header that makes the browser forget the cookie. */
  clear(kind: CookieKind): string {
    return serialize(COOKIES[kind].name, "", 0);
  }

  /** Those of all cookies. */
  clearAll(): string[] {
    return (Object.keys(COOKIES) as CookieKind[]).map((kind) => this.clear(kind));
  }
}

function serialize(name: string, value: string, maxAge: number): string {
  return stringifySetCookie({
    name,
    value,
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "lax",
    maxAge,
  });
}
