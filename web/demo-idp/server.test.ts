import { createHash, randomBytes } from "node:crypto";

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import { TestBrowser, type TestResponse } from "../shared/testing/browser.ts";
import { makeTestCertificate } from "../shared/testing/tls.ts";

import { ACR_MFA, ACR_PASSWORD, DEMO_ACCOUNTS, DEMO_SECOND_FACTOR } from "./accounts.ts";
import { startDemoIdp, type DemoIdp } from "./server.ts";

const REDIRECT_URI = "https://link.localhost:7001/callback";
const CLIENT = { id: "musubi-link", secret: "a-secret-of-the-test", redirectUris: [REDIRECT_URI] };
const certificate = makeTestCertificate();
let idp: DemoIdp;

beforeAll(async () => {
  idp = await startDemoIdp({
    host: "127.0.0.1",
    port: 0,
    tls: { certificate: certificate.cert, key: certificate.key },
    client: CLIENT,
    accounts: [
      ...DEMO_ACCOUNTS,
      { id: "shiken-003", password: "mihon-password-3", name: "試験 <b>三号</b>", second_factor: false },
    ],
  });
});
afterAll(() => idp.close());
afterEach(() => {
  vi.useRealTimers();
});

const verifier = randomBytes(32).toString("base64url");

function authorization(parameters: Record<string, string> = {}): URL {
  const url = new URL(`${idp.issuer}/auth`);
  const defaults = {
    client_id: CLIENT.id,
    redirect_uri: REDIRECT_URI,
    response_type: "code",
    scope: "openid profile",
    state: "s",
    nonce: "n",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries({ ...defaults, ...parameters }))
    url.searchParams.set(name, value);
  return url;
}

/** Opens the login page, or comes back at once where an earlier sign-in is enough. */
function open(browser: TestBrowser, parameters?: Record<string, string>): Promise<TestResponse> {
  return browser.go(authorization(parameters), idp.issuer);
}

function submit(browser: TestBrowser, page: TestResponse, form: Record<string, string>, below = "") {
  return browser.go(page.url.origin + page.url.pathname + below, idp.issuer, { form });
}

/** The claims of the ID token that a callback's code is worth. */
async function redeem(callback: TestResponse): Promise<Record<string, unknown>> {
  const answer = await new TestBrowser(certificate.cert).send(
    `${idp.issuer}/token`,
    {
      form: {
        grant_type: "authorization_code",
        code: callback.location?.searchParams.get("code") ?? "",
        redirect_uri: REDIRECT_URI,
        code_verifier: verifier,
      },
    },
    { origin: "", authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString("base64")}` },
  );
  const body = JSON.parse(answer.body) as { id_token?: string; error?: string };
  if (body.id_token === undefined) return body;
  return JSON.parse(Buffer.from(body.id_token.split(".")[1] ?? "", "base64url").toString("utf8")) as Record<
    string,
    unknown
  >;
}

const browser = () => new TestBrowser(certificate.cert);
const now = () => Math.floor(new Date().getTime() / 1000);

describe("signing in", () => {
  test("choosing somebody gives a code for that person's ID token, with acr and time", async () => {
    const person = browser();
    const before = now();
    const page = await open(person, { max_age: "600" });
    expect(page.status).toBe(200);
    const callback = await submit(person, page, { pick: "shiken-001" });
    expect(callback.location?.href.split("?")[0]).toBe(REDIRECT_URI);
    expect(callback.location?.searchParams.get("iss")).toBe(idp.issuer);
    const claims = await redeem(callback);
    expect(claims).toMatchObject({ iss: idp.issuer, sub: "shiken-001", acr: ACR_PASSWORD, nonce: "n" });
    expect(claims["auth_time"]).toBeGreaterThanOrEqual(before);
  });

  test("typing account and password does so, too", async () => {
    const person = browser();
    const page = await open(person);
    const callback = await submit(person, page, { account: "shiken-002", password: "mihon-password-2" });
    expect(await redeem(callback)).toMatchObject({ sub: "shiken-002" });
  });

  test.each([
    ["a wrong password", { account: "shiken-001", password: "mihon-password-2" }],
    ["an unknown account", { account: "shiken-009", password: "mihon-password-1" }],
    ["an unknown choice", { pick: "shiken-009" }],
    ["nothing", {}],
  ])(
    "%s is told on the same page, which keeps what was typed",
    async (_name, form: Record<string, string>) => {
      const person = browser();
      const page = await open(person);
      const again = await submit(person, page, form);
      expect(again.status).toBe(200);
      expect(again.body).toContain('role="alert"');
      if (form["account"] !== undefined) expect(again.body).toContain(`value="${form["account"]}"`);
      expect(again.body).not.toContain(`value="mihon-password`);
      const callback = await submit(person, page, { account: "shiken-001", password: "mihon-password-1" });
      expect(callback.location?.searchParams.get("code")).toBeTruthy();
    },
  );

  test("stopping is access_denied at the service", async () => {
    const person = browser();
    const callback = await submit(person, await open(person), {}, "/cancel");
    expect(callback.location?.searchParams.get("error")).toBe("access_denied");
    expect(callback.location?.searchParams.get("state")).toBe("s");
  });

  test("an earlier sign-in is enough if nothing else is asked", async () => {
    const person = browser();
    await submit(person, await open(person), { pick: "shiken-001" });
    const callback = await open(person);
    expect(await redeem(callback)).toMatchObject({ sub: "shiken-001" });
  });

  test("prompt=login asks again, says why, and auth_time moves on", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const person = browser();
    const first = await redeem(await submit(person, await open(person), { pick: "shiken-001" }));
    vi.setSystemTime(new Date().getTime() + 90_000);
    const page = await open(person, { prompt: "login" });
    expect(page.status).toBe(200);
    expect(page.body).toContain("もう一度サインイン");
    const second = await redeem(await submit(person, page, { pick: "shiken-001" }));
    expect(second["auth_time"]).toBe(Number(first["auth_time"]) + 90);
  });

  test("max_age asks again once the sign-in is older", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const person = browser();
    await submit(person, await open(person), { pick: "shiken-001" });
    vi.setSystemTime(new Date().getTime() + 599_000);
    expect((await open(person, { max_age: "600" })).location?.searchParams.get("code")).toBeTruthy();
    vi.setSystemTime(new Date().getTime() + 2_000);
    expect((await open(person, { max_age: "600" })).status).toBe(200);
  });

  test("another person may sign in over an earlier one", async () => {
    const person = browser();
    await submit(person, await open(person), { pick: "shiken-001" });
    const callback = await submit(person, await open(person, { prompt: "login" }), { pick: "shiken-002" });
    expect(await redeem(callback)).toMatchObject({ sub: "shiken-002" });
    expect(await redeem(await open(person))).toMatchObject({ sub: "shiken-002" });
  });
});

describe("a second factor", () => {
  test("is asked for where a password is not enough, and is in acr", async () => {
    const person = browser();
    const page = await open(person, { acr_values: ACR_MFA });
    const second = await submit(person, page, { pick: "shiken-001" });
    expect(second.body).toContain('id="code"');
    const wrong = await submit(person, page, { code: "000000" });
    expect(wrong.body).toContain('aria-invalid="true"');
    const callback = await submit(person, page, { code: DEMO_SECOND_FACTOR });
    expect(await redeem(callback)).toMatchObject({ sub: "shiken-001", acr: ACR_MFA });
  });

  test("cannot come before the password", async () => {
    const person = browser();
    const page = await open(person, { acr_values: ACR_MFA });
    const answer = await submit(person, page, { code: DEMO_SECOND_FACTOR });
    expect(answer.location).toBeUndefined();
    expect(answer.body).toContain('role="alert"');
  });

  test("is not asked for where a password is accepted as well", async () => {
    const person = browser();
    const page = await open(person, { acr_values: `${ACR_PASSWORD} ${ACR_MFA}` });
    expect(await redeem(await submit(person, page, { pick: "shiken-001" }))).toMatchObject({
      acr: ACR_PASSWORD,
    });
  });

  test("is asked for although the person has signed in with a password", async () => {
    const person = browser();
    await submit(person, await open(person), { pick: "shiken-001" });
    expect((await open(person, { acr_values: ACR_MFA })).status).toBe(200);
  });

  test("who has none is signed in with a password, and acr says so", async () => {
    const person = browser();
    const page = await open(person, { acr_values: ACR_MFA });
    expect(await redeem(await submit(person, page, { pick: "shiken-003" }))).toMatchObject({
      acr: ACR_PASSWORD,
    });
  });
});

describe("what is refused", () => {
  test.each([
    ["a request without PKCE", { code_challenge: "", code_challenge_method: "" }, "invalid_request"],
    ["PKCE that shows the verifier", { code_challenge_method: "plain" }, "invalid_request"],
    ["a token in the address", { response_type: "id_token" }, "invalid_request"],
  ])("%s", async (_name, parameters, error) => {
    const answer = await open(browser(), parameters);
    expect(answer.location?.searchParams.get("error") ?? answer.location?.hash).toContain(error);
  });

  test.each([
    ["another address to return to", { redirect_uri: "https://elsewhere.localhost:7001/callback" }],
    ["an unknown service", { client_id: "somebody" }],
  ])("%s: with a page, not by going there", async (_name, parameters) => {
    const answer = await open(browser(), parameters);
    expect(answer.status).toBe(400);
    expect(answer.location).toBeUndefined();
    expect(answer.body).toContain("<h1>このページは開けません</h1>");
  });

  test("a code is worth one ID token", async () => {
    const person = browser();
    const callback = await submit(person, await open(person), { pick: "shiken-001" });
    expect(await redeem(callback)).toMatchObject({ sub: "shiken-001" });
    expect(await redeem(callback)).toMatchObject({ error: "invalid_grant" });
  });

  test("a login page is of the browser that opened it", async () => {
    const page = await open(browser());
    const other = await submit(browser(), page, { pick: "shiken-001" });
    expect(other.status).toBe(404);
  });
});

describe("the page", () => {
  test("has no script, and lets none run", async () => {
    const page = await open(browser());
    expect(page.body).not.toMatch(/<script|javascript:|\son\w+=|\sstyle=/i);
    const policy = String(page.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(policy).toContain("form-action 'self' https://link.localhost:7001");
    expect(page.headers["cache-control"]).toBe("no-store");
  });

  test("a name is text", async () => {
    expect((await open(browser())).body).toContain("試験 &lt;b&gt;三号&lt;/b&gt;");
  });

  test.each([
    ["the service's wish", { ui_locales: "en ja" }, undefined, "Sign in (demo)"],
    ["Japanese, where nothing is said", {}, undefined, "サインイン（見本）"],
    ["the switch on the page", {}, "?lang=en", "Sign in (demo)"],
  ])("speaks the language of %s", async (_name, parameters: Record<string, string>, query, title) => {
    const person = browser();
    const page = await open(person, parameters);
    const shown = query === undefined ? page : await person.send(page.url.href + query);
    expect(shown.body).toContain(`<h1>${title}</h1>`);
  });
});
