// Against the demo's identity provider, which is a real one; and against one that misbehaves.
import { createRouterTransport } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { ACR_MFA, ACR_PASSWORD, DEMO_ACCOUNTS, DEMO_SECOND_FACTOR } from "../demo-idp/accounts.ts";
import { startDemoIdp, type DemoIdp } from "../demo-idp/server.ts";
import { systemClock } from "../shared/clock.ts";
import type { SignInPurpose } from "../shared/page.ts";
import { TestBrowser } from "../shared/testing/browser.ts";
import { makeTestCertificate } from "../shared/testing/tls.ts";

import { buildServer, type TierServer } from "./app.ts";
import { COOKIES, type CookieKind, type Cookies } from "./cookies.ts";
import { Metrics } from "./metrics.ts";
import { LANDING, SignIn, signInPlugin, type SignInOptions, type SignInOutcome } from "./signin.ts";
import { boundedFetch } from "./signin_provider.ts";
import { MisbehavingProvider } from "./signin_testing.ts";
import { countingRandom, ORIGIN as TIER_ORIGIN, testConfig, testCookies, testKeyring } from "./testing.ts";

const ORIGIN = "https://link.localhost:7001";
const CLIENT = { id: "musubi-link", secret: "a-secret-of-the-test", redirectUris: [`${ORIGIN}/callback`] };
const PURPOSES: SignInPurpose[] = ["LINK", "UNLINK", "REPLACE", "RESUME", "STATUS", "STATUS_UNLINK", "MY"];
const certificate = makeTestCertificate();
const SESSION_A = Buffer.alloc(16, 1).toString("base64url");
const SESSION_B = Buffer.alloc(16, 2).toString("base64url");

let cookies: Cookies;
/** What the log is told of each request. */
const noted: { outcome: SignInOutcome; detail?: string | undefined }[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  cookies = testCookies(systemClock);
  noted.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

function advance(seconds: number): void {
  vi.setSystemTime(systemClock.now() + seconds * 1_000);
}

/** The tier's sign-in, for a provider. */
function makeSignIn(issuer: string, change: Partial<SignInOptions> = {}): SignIn {
  return new SignIn(
    {
      origin: ORIGIN,
      issuer,
      clientId: CLIENT.id,
      clientSecret: CLIENT.secret,
      ca: certificate.cert,
      scopes: ["openid", "profile"],
      acrValues: [ACR_PASSWORD, ACR_MFA],
      accountNameClaim: "preferred_username",
      ...change,
    },
    { cookies, clock: systemClock },
  );
}

/** A browser with both cookie jars: the tier's and the provider's. */
class Person {
  readonly tier = new Map<string, string>();
  readonly provider = new TestBrowser(certificate.cert);
  readonly signIn: SignIn;

  constructor(signIn: SignIn) {
    this.signIn = signIn;
  }

  header(): string {
    return [...this.tier].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") this.tier.delete(name);
      else this.tier.set(name, value);
    }
  }

  /** As the tier does when a journey opens. */
  openSession(id: string): void {
    const expiresAt = systemClock.now() + 30 * 60_000;
    this.keep([cookies.set("session", { id, credential: id, act: "LINK", returned: false }, expiresAt)]);
  }

  read<K extends CookieKind>(kind: K) {
    return cookies.read(kind, this.header())?.value;
  }

  /** Presses "sign in": the provider's URL. */
  async press(purpose: SignInPurpose): Promise<URL> {
    const answer = await this.signIn.begin(this.header(), { purpose, locale: "ja" });
    expect(answer.status).toBe(200);
    noted.push({ outcome: answer.outcome, detail: answer.detail });
    this.keep(answer.setCookie);
    return new URL("location" in answer.body ? answer.body.location : "about:blank");
  }

  /** Signs in on the provider's pages: the callback's URL. */
  async atProvider(location: URL, ...forms: (Record<string, string> | "CANCEL")[]): Promise<URL> {
    let answer = await this.provider.go(location, location.origin);
    const page = answer.url.origin + answer.url.pathname;
    for (const form of forms) {
      answer =
        form === "CANCEL"
          ? await this.provider.go(`${page}/cancel`, location.origin, { form: {} })
          : await this.provider.go(page, location.origin, { form });
    }
    if (answer.location === undefined) throw new Error(`the provider shows a page: ${answer.status}`);
    return answer.location;
  }

  /** Comes back: where the tier leads. */
  async back(callback: URL): Promise<string> {
    const answer = await this.signIn.finish(this.header(), callback.search);
    noted.push({ outcome: answer.outcome, detail: answer.detail });
    this.keep(answer.setCookie);
    return answer.location;
  }
}

/** Where a press of "LINK" leads that failed; a callback of nobody's leads to the start page. */
function failed(reason: string): string {
  return reason === "SIGN_IN_MISMATCH" ? "/#error=SIGN_IN_MISMATCH" : `/journey#error=${reason}`;
}

const ICHIGO = { pick: "shiken-001" };
const NIGO = { pick: "shiken-002" };

describe("with the demo's provider", () => {
  let idp: DemoIdp;
  beforeAll(async () => {
    idp = await startDemoIdp({
      host: "127.0.0.1",
      port: 0,
      tls: { certificate: certificate.cert, key: certificate.key },
      client: CLIENT,
      accounts: [
        ...DEMO_ACCOUNTS,
        { id: "shiken-003", password: "mihon", name: "三号", second_factor: false },
        {
          id: "shiken-004",
          password: "mihon",
          name: "四号",
          second_factor: false,
          preferred_username: "<img src=x>\u202E@mihon.example",
        },
      ],
    });
  });
  afterAll(() => idp.close());

  const person = (change?: Partial<SignInOptions>) => new Person(makeSignIn(idp.issuer, change));

  test.each(PURPOSES)("%s: signs in, and only the sealed state says so", async (purpose) => {
    const someone = person();
    const location = await someone.press(purpose);
    const callback = await someone.atProvider(location, ICHIGO);
    expect(await someone.back(callback)).toBe(LANDING[purpose]);
    expect(someone.read("signIn")).toEqual({
      issuer: idp.issuer,
      subject: "shiken-001",
      name: "shiken-001",
      hint: "sh***",
      authTime: Math.floor(systemClock.now() / 1_000),
      acr: ACR_PASSWORD,
      fresh: true,
    });
    expect([...someone.tier.keys()]).toEqual([COOKIES.signIn.name]);
    expect(noted.map(({ outcome }) => outcome)).toEqual(["OK", "OK"]);
  });

  test.each(PURPOSES)(
    "%s: asks the provider for a code with PKCE, and for what the act needs",
    async (purpose) => {
      const asked = (await person().press(purpose)).searchParams;
      const act = purpose !== "STATUS" && purpose !== "MY";
      expect(asked.get("response_type")).toBe("code");
      expect(asked.get("redirect_uri")).toBe(`${ORIGIN}/callback`);
      expect(asked.get("code_challenge_method")).toBe("S256");
      expect(asked.get("code_challenge")).toMatch(/^[\w-]{43}$/);
      expect(asked.get("state")).toMatch(/^[\w-]{43}$/);
      expect(asked.get("nonce")).toMatch(/^[\w-]{43}$/);
      expect(asked.get("ui_locales")).toBe("ja");
      expect(asked.get("max_age")).toBe(act ? "600" : "43200");
      expect(asked.get("prompt")).toBe(act ? "login" : null);
      expect(asked.get("acr_values")).toBe(act ? `${ACR_PASSWORD} ${ACR_MFA}` : null);
      expect(asked.has("claims")).toBe(false);
    },
  );

  test("no two sign-ins share state, nonce or challenge", async () => {
    const someone = person();
    const [first, second] = [await someone.press("LINK"), await someone.press("LINK")];
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(first.searchParams.get(name)).not.toBe(second.searchParams.get(name));
    }
  });

  test.each(["STATUS", "MY"] as const)("%s: an earlier sign-in is enough", async (purpose) => {
    const someone = person();
    await someone.back(await someone.atProvider(await someone.press("LINK"), ICHIGO));
    advance(3_000);
    const callback = await someone.atProvider(await someone.press(purpose));
    expect(await someone.back(callback)).toBe(LANDING[purpose]);
    expect(someone.read("signIn")?.fresh).toBe(false);
  });

  test("an act asks for the password again, and its time is that of now", async () => {
    const someone = person();
    await someone.back(await someone.atProvider(await someone.press("STATUS"), ICHIGO));
    advance(300);
    const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
    expect(await someone.back(callback)).toBe("/journey");
    expect(someone.read("signIn")?.authTime).toBe(Math.floor(systemClock.now() / 1_000));
  });

  test("an act is refused if the person's browser has taken prompt and max_age away", async () => {
    const someone = person();
    await someone.back(await someone.atProvider(await someone.press("STATUS"), ICHIGO));
    advance(300);
    const location = await someone.press("LINK");
    location.searchParams.delete("prompt");
    location.searchParams.delete("max_age");
    expect(await someone.back(await someone.atProvider(location))).toBe(failed("SIGN_IN_TOO_OLD"));
  });

  test("who takes more than 10 minutes begins again", async () => {
    const someone = person();
    const callback = await someone.atProvider(await someone.press("STATUS"), ICHIGO);
    advance(11 * 60);
    expect(await someone.back(callback)).toBe(failed("SIGN_IN_MISMATCH"));
  });

  test("where a second factor is demanded, it is asked for and in the state", async () => {
    const someone = person({ acrValues: [ACR_MFA] });
    const location = await someone.press("LINK");
    const callback = await someone.atProvider(location, ICHIGO, { code: DEMO_SECOND_FACTOR });
    expect(await someone.back(callback)).toBe("/journey");
    expect(someone.read("signIn")?.acr).toBe(ACR_MFA);
  });

  test("where a second factor is demanded, a password alone is refused", async () => {
    const someone = person({ acrValues: [ACR_MFA] });
    const callback = await someone.atProvider(await someone.press("LINK"), { pick: "shiken-003" });
    expect(await someone.back(callback)).toBe(failed("ACR_NOT_ACCEPTED"));
    expect(someone.read("signIn")).toBeUndefined();
  });

  test("a weak sign-in may look", async () => {
    const someone = person({ acrValues: [ACR_MFA] });
    const callback = await someone.atProvider(await someone.press("MY"), { pick: "shiken-003" });
    expect(await someone.back(callback)).toBe("/my");
  });

  test("a name that the provider keeps for userinfo is found, and its tricks are gone", async () => {
    const someone = person();
    await someone.back(await someone.atProvider(await someone.press("MY"), { pick: "shiken-004" }));
    expect(someone.read("signIn")).toMatchObject({
      name: "<img src=x>@mihon.example",
      hint: "<i***@mihon.example",
    });
  });

  test("without the claim the subject is shown", async () => {
    const someone = person({ accountNameClaim: "nickname" });
    await someone.back(await someone.atProvider(await someone.press("MY"), ICHIGO));
    expect(someone.read("signIn")).toMatchObject({ name: "shiken-001" });
  });

  test("stopping at the provider is an outcome; one may begin again", async () => {
    const someone = person();
    const callback = await someone.atProvider(await someone.press("STATUS"), "CANCEL");
    expect(await someone.back(callback)).toBe("/status#error=SIGN_IN_CANCELLED");
    expect(someone.tier.size).toBe(0);
    const again = await someone.atProvider(await someone.press("STATUS"), ICHIGO);
    expect(await someone.back(again)).toBe("/status");
  });

  test("card first: the session stays, and the journey goes on", async () => {
    const someone = person();
    someone.openSession(SESSION_A);
    const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
    expect(await someone.back(callback)).toBe("/journey");
    expect(someone.read("session")?.id).toBe(SESSION_A);
  });

  describe("a callback is refused", () => {
    test("in a browser that began no sign-in", async () => {
      const [attacker, victim] = [person(), person()];
      const callback = await attacker.atProvider(await attacker.press("LINK"), ICHIGO);
      expect(await victim.back(callback)).toBe(failed("SIGN_IN_MISMATCH"));
      expect(victim.tier.size).toBe(0);
    });

    test("in a browser that began another sign-in, which goes on undisturbed", async () => {
      const [attacker, victim] = [person(), person()];
      const foreign = await attacker.atProvider(await attacker.press("LINK"), NIGO);
      const own = await victim.atProvider(await victim.press("LINK"), ICHIGO);
      expect(await victim.back(foreign)).toBe(failed("SIGN_IN_MISMATCH"));
      expect(victim.read("signIn")).toBeUndefined();
      expect(await victim.back(own)).toBe("/journey");
      expect(victim.read("signIn")?.subject).toBe("shiken-001");
    });

    test("with the victim's own state, but the attacker's code", async () => {
      const [attacker, victim] = [person(), person()];
      const foreign = await attacker.atProvider(await attacker.press("LINK"), NIGO);
      const own = await victim.press("LINK");
      foreign.searchParams.set("state", own.searchParams.get("state") ?? "");
      // PKCE: the code was made for another verifier.
      expect(await victim.back(foreign)).toBe(failed("SIGN_IN_FAILED"));
      expect(noted.at(-1)?.detail).toBe("the token endpoint refused: invalid_grant");
      expect(victim.read("signIn")).toBeUndefined();
    });

    test("the second time", async () => {
      const someone = person();
      const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
      expect(await someone.back(callback)).toBe("/journey");
      expect(await someone.back(callback)).toBe(failed("SIGN_IN_MISMATCH"));
      expect(someone.read("signIn")?.subject).toBe("shiken-001");
    });

    test("the second time, from a copy of the cookies", async () => {
      const someone = person();
      const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
      const copy = person();
      for (const [name, value] of someone.tier) copy.tier.set(name, value);
      expect(await someone.back(callback)).toBe("/journey");
      expect(await copy.back(callback)).toBe(failed("SIGN_IN_FAILED"));
      expect(copy.read("signIn")).toBeUndefined();
    });

    test.each<[string, (someone: Person) => unknown]>([
      ["another session has begun", (someone) => someone.openSession(SESSION_B)],
      ["the session was left", (someone) => someone.tier.delete(COOKIES.session.name)],
    ])("when %s meanwhile", async (_name, meanwhile) => {
      const someone = person();
      someone.openSession(SESSION_A);
      const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
      meanwhile(someone);
      expect(await someone.back(callback)).toBe("/journey#error=SIGN_IN_MISMATCH");
      expect(noted.at(-1)?.detail).toBe("another session");
      expect(someone.read("signIn")).toBeUndefined();
      expect(someone.read("oidc")).toBeUndefined();
    });

    test("when a session has begun where none was", async () => {
      const someone = person();
      const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
      someone.openSession(SESSION_A);
      expect(await someone.back(callback)).toBe("/journey#error=SIGN_IN_MISMATCH");
    });

    test.each<[string, (callback: URL) => void, string]>([
      ["no state", (url) => url.searchParams.delete("state"), "SIGN_IN_MISMATCH"],
      ["an empty state", (url) => url.searchParams.set("state", ""), "SIGN_IN_MISMATCH"],
      ["another state", (url) => url.searchParams.set("state", "x".repeat(43)), "SIGN_IN_MISMATCH"],
      ["two states", (url) => url.searchParams.append("state", "x"), "SIGN_IN_MISMATCH"],
      ["no code", (url) => url.searchParams.delete("code"), "SIGN_IN_FAILED"],
      ["two codes", (url) => url.searchParams.append("code", "x"), "SIGN_IN_FAILED"],
      ["an invented code", (url) => url.searchParams.set("code", "x"), "SIGN_IN_FAILED"],
      ["no issuer", (url) => url.searchParams.delete("iss"), "SIGN_IN_FAILED"],
      ["another issuer", (url) => url.searchParams.set("iss", "https://other.example"), "SIGN_IN_FAILED"],
      ["an error of the provider", (url) => url.searchParams.set("error", "server_error"), "SIGN_IN_FAILED"],
      [
        "a cancellation by another issuer",
        (url) => {
          url.searchParams.set("iss", "https://other.example");
          url.searchParams.set("error", "access_denied");
        },
        "SIGN_IN_FAILED",
      ],
      [
        "a place to go to",
        (url) => {
          url.searchParams.set("code", "x");
          url.searchParams.set("return_to", "https://evil.example");
          url.searchParams.set("redirect_uri", "https://evil.example");
        },
        "SIGN_IN_FAILED",
      ],
    ])("with %s", async (_name, change, reason) => {
      const someone = person();
      const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
      change(callback);
      expect(await someone.back(callback)).toBe(failed(reason));
      expect(someone.read("signIn")).toBeUndefined();
    });

    test("without a query", async () => {
      const someone = person();
      await someone.press("LINK");
      expect(await someone.back(new URL(`${ORIGIN}/callback`))).toBe(failed("SIGN_IN_MISMATCH"));
    });

    test("with a transaction that was changed, or that is another of our cookies", async () => {
      const someone = person();
      someone.openSession(SESSION_A);
      const callback = await someone.atProvider(await someone.press("LINK"), ICHIGO);
      const sealed = someone.tier.get(COOKIES.oidc.name) ?? "";
      for (const forged of [
        sealed.slice(0, -1) + (sealed.endsWith("A") ? "B" : "A"),
        someone.tier.get(COOKIES.session.name) ?? "",
        "",
      ]) {
        someone.tier.set(COOKIES.oidc.name, forged);
        expect(await someone.back(callback)).toBe(failed("SIGN_IN_MISMATCH"));
      }
    });
  });

  test.each([
    ["nothing", undefined],
    ["a text", "LINK"],
    ["an unknown purpose", { purpose: "VERIFY", locale: "ja" }],
    ["an unknown language", { purpose: "LINK", locale: "fr" }],
    ["a place to go to", { purpose: "LINK", locale: "ja", returnTo: "https://evil.example" }],
  ])("pressing with %s is refused", async (_name, body) => {
    expect(await makeSignIn(idp.issuer).begin(undefined, body)).toEqual({
      outcome: "FIELD_INVALID",
      status: 400,
      body: { reason: "FIELD_INVALID" },
      setCookie: [],
    });
  });

  test("the cookie of the transaction is for this host and script-free, for 10 minutes", async () => {
    const answer = await makeSignIn(idp.issuer).begin(undefined, { purpose: "LINK", locale: "ja" });
    expect(answer.setCookie).toHaveLength(1);
    expect(answer.setCookie[0]).toMatch(/^__Host-musubi_oidc=/);
    for (const attribute of ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"]) {
      expect(answer.setCookie[0]).toContain(`; ${attribute}`);
    }
  });

  test("nothing that is logged holds a secret of the sign-in", async () => {
    const someone = person();
    const location = await someone.press("LINK");
    const callback = await someone.atProvider(location, ICHIGO);
    const secrets = [callback.searchParams.get("code"), location.searchParams.get("state"), "shiken-001"];
    callback.searchParams.set("iss", "https://other.example");
    await someone.back(callback);
    for (const secret of secrets) expect(JSON.stringify(noted)).not.toContain(secret);
  });
});

describe("with a provider that misbehaves", () => {
  let provider: MisbehavingProvider;
  beforeAll(async () => {
    provider = await MisbehavingProvider.start(certificate, CLIENT.id);
  });
  afterAll(() => provider.close());
  beforeEach(() => {
    provider.behave();
  });

  async function outcome(purpose: SignInPurpose = "LINK"): Promise<string> {
    const someone = new Person(makeSignIn(provider.issuer));
    const location = await someone.press(purpose);
    return someone.back(provider.callback(location));
  }

  test("one that behaves is accepted", async () => {
    expect(await outcome()).toBe("/journey");
  });

  test.each<[string, (token: Record<string, unknown>) => void, string]>([
    ["of another issuer", (token) => (token["iss"] = "https://other.example"), "SIGN_IN_FAILED"],
    ["for another service", (token) => (token["aud"] = "another"), "SIGN_IN_FAILED"],
    ["for another sign-in", (token) => (token["nonce"] = "another"), "SIGN_IN_FAILED"],
    ["without a nonce", (token) => delete token["nonce"], "SIGN_IN_FAILED"],
    ["that is over", (token) => (token["exp"] = Number(token["iat"]) - 300), "SIGN_IN_FAILED"],
    ["without a subject", (token) => delete token["sub"], "SIGN_IN_FAILED"],
    ["without auth_time", (token) => delete token["auth_time"], "SIGN_IN_FAILED"],
    ["with auth_time ahead", (token) => (token["auth_time"] = Number(token["iat"]) + 120), "SIGN_IN_FAILED"],
    ["with auth_time as a text", (token) => (token["auth_time"] = "now"), "SIGN_IN_FAILED"],
    [
      "of an earlier sign-in",
      (token) => (token["auth_time"] = Number(token["iat"]) - 120),
      "SIGN_IN_TOO_OLD",
    ],
    ["without acr", (token) => delete token["acr"], "ACR_NOT_ACCEPTED"],
    ["with another acr", (token) => (token["acr"] = "urn:example:acr:none"), "ACR_NOT_ACCEPTED"],
    ["with a list as acr", (token) => (token["acr"] = [ACR_PASSWORD]), "ACR_NOT_ACCEPTED"],
  ])("an ID token %s is refused", async (_name, change, reason) => {
    provider.changeToken = change;
    expect(await outcome()).toBe(failed(reason));
  });

  test("a clock that is a little ahead is forgiven, and the state says now", async () => {
    provider.changeToken = (token) => (token["auth_time"] = Number(token["iat"]) + 20);
    const someone = new Person(makeSignIn(provider.issuer));
    expect(await someone.back(provider.callback(await someone.press("LINK")))).toBe("/journey");
    expect(someone.read("signIn")?.authTime).toBe(Math.floor(systemClock.now() / 1_000));
  });

  test("a sign-in of yesterday is too old to look", async () => {
    provider.changeToken = (token) => (token["auth_time"] = Number(token["iat"]) - 86_400);
    expect(await outcome("STATUS")).toBe("/status#error=SIGN_IN_TOO_OLD");
  });

  test.each([
    ["signed with another key", "OTHER_KEY"],
    ["not signed", "NONE"],
  ] as const)("an ID token that is %s is refused", async (_name, signing) => {
    provider.signing = signing;
    expect(await outcome()).toBe(failed("SIGN_IN_FAILED"));
  });

  test("an answer of userinfo about somebody else is refused", async () => {
    provider.userinfoSubject = "somebody-else";
    expect(await outcome()).toBe(failed("SIGN_IN_FAILED"));
  });

  test.each([
    ["fails", { status: 500, body: "{}" }],
    ["leads elsewhere", { status: 302, body: "", location: "https://other.example/token" }],
    ["sends no JSON", { status: 200, body: "<html>" }],
  ])("a token endpoint that %s is told", async (_name, answer) => {
    provider.tokenAnswer = answer;
    expect(await outcome()).toBe(failed("SIGN_IN_FAILED"));
  });

  test("an answer without end is cut off", async () => {
    provider.padding = 300 * 1_024;
    expect(await outcome()).toBe("/journey#error=SIGN_IN_FAILED");
    provider.padding = 100 * 1_024;
    expect(await outcome()).toBe("/journey");
  });

  test("silence is not waited for", async () => {
    provider.silent = true;
    const fetch = boundedFetch(certificate.cert, 1);
    const request = { method: "GET", headers: {}, body: undefined, redirect: "manual" } as const;
    await expect(fetch(`${provider.issuer}/jwks`, request)).rejects.toThrow("aborted");
  });

  test("while it is away pressing is refused, and works once it is back", async () => {
    const signIn = makeSignIn(provider.issuer);
    provider.away = true;
    const answer = await signIn.begin(undefined, { purpose: "LINK", locale: "en" });
    expect(answer).toMatchObject({ status: 503, body: { reason: "SIGN_IN_FAILED" }, setCookie: [] });
    provider.away = false;
    const someone = new Person(signIn);
    expect(await someone.back(provider.callback(await someone.press("LINK")))).toBe("/journey");
  });

  test("is found once, also by many at the same time, and again after an hour", async () => {
    const signIn = makeSignIn(provider.issuer);
    const press = () => signIn.begin(undefined, { purpose: "LINK", locale: "ja" });
    await Promise.all([press(), press(), press()]);
    expect(provider.discoveries).toBe(1);
    advance(3_601);
    await press();
    expect(provider.discoveries).toBe(2);
  });

  test("set up anew, with other keys: the next sign-in works", async () => {
    const signIn = makeSignIn(provider.issuer);
    const someone = new Person(signIn);
    expect(await someone.back(provider.callback(await someone.press("LINK")))).toBe("/journey");
    provider.renewKey();
    await someone.back(provider.callback(await someone.press("LINK")));
    expect(await someone.back(provider.callback(await someone.press("LINK")))).toBe("/journey");
  });

  test("metadata of another issuer is not believed", async () => {
    provider.claimedIssuer = "https://other.example";
    const answer = await makeSignIn(provider.issuer).begin(undefined, { purpose: "LINK", locale: "ja" });
    expect(answer.status).toBe(503);
  });

  test("a certificate that nobody knows is not believed", async () => {
    const other = makeTestCertificate();
    const signIn = makeSignIn(provider.issuer, { ca: other.cert });
    expect((await signIn.begin(undefined, { purpose: "LINK", locale: "ja" })).status).toBe(503);
  });
});

describe("as endpoints of the tier", () => {
  let provider: MisbehavingProvider;
  let tier: TierServer;
  beforeAll(async () => {
    provider = await MisbehavingProvider.start(certificate, CLIENT.id);
  });
  afterAll(() => provider.close());
  beforeEach(async () => {
    const config = testConfig((json) => {
      json["static_dir"] = import.meta.dirname;
      json["oidc"] = { ...(json["oidc"] as object), issuer: provider.issuer, client_id: CLIENT.id };
    });
    tier = await buildServer(
      {
        clock: systemClock,
        random: countingRandom(),
        transport: createRouterTransport(() => undefined),
        keyring: testKeyring,
        metrics: new Metrics(),
      },
      {
        config,
        plugins: [signInPlugin({ clientSecret: CLIENT.secret, oidcCa: certificate.cert })],
        log: false,
      },
    );
  });
  afterEach(() => tier.drain());

  const host = new URL(TIER_ORIGIN).host;
  const press = (headers: Record<string, string>) =>
    tier.app.inject({
      method: "POST",
      url: "/signin",
      headers: { host, ...headers },
      payload: { purpose: "MY", locale: "en" },
    });
  const cookieOf = (answer: { headers: Record<string, unknown> }) =>
    [answer.headers["set-cookie"]].flat().map((line) => String(line).split(";")[0]);

  test("sign in, and lead back", async () => {
    const pressed = await press({ origin: TIER_ORIGIN });
    expect(pressed.statusCode).toBe(200);
    expect(pressed.headers["cache-control"]).toBe("no-store");
    const callback = provider.callback(new URL(pressed.json<{ location: string }>().location));
    expect(callback.origin).toBe(TIER_ORIGIN);
    const headers = { host, cookie: cookieOf(pressed).join("; ") };
    const answer = await tier.app.inject({ url: callback.pathname + callback.search, headers });
    expect(answer.statusCode).toBe(303);
    expect(answer.headers.location).toBe("/my");
    expect(answer.headers["referrer-policy"]).toBe("no-referrer");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(cookieOf(answer)).toEqual([
      `${COOKIES.oidc.name}=`,
      expect.stringMatching(/^__Host-musubi_signin=k1\./),
    ]);
  });

  test.each([
    ["another site", { origin: "https://evil.example" }],
    ["a page that hides where it is", { origin: "null" }],
    ["no page", {}],
    ["a sister site", { origin: TIER_ORIGIN, "sec-fetch-site": "same-site" }],
  ])("pressing from %s is refused", async (_name, headers: Record<string, string>) => {
    const answer = await press(headers);
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toEqual({ reason: "CROSS_SITE" });
  });

  test("a callback fetched ahead uses nothing up", async () => {
    const pressed = await press({ origin: TIER_ORIGIN });
    const callback = provider.callback(new URL(pressed.json<{ location: string }>().location));
    const headers = { host, cookie: cookieOf(pressed).join("; ") };
    const url = callback.pathname + callback.search;
    const ahead = await tier.app.inject({ url, headers: { ...headers, "sec-purpose": "prefetch" } });
    expect(ahead.statusCode).toBe(503);
    expect(ahead.headers["set-cookie"]).toBeUndefined();
    expect((await tier.app.inject({ url, headers })).headers.location).toBe("/my");
  });

  test("GET begins nothing", async () => {
    const answer = await tier.app.inject({ url: "/signin", headers: { host } });
    expect(answer.statusCode).toBe(404);
  });
});
