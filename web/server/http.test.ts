import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Code, ConnectError } from "@connectrpc/connect";
import { ENDPOINTS, PAGES } from "../shared/routes.ts";
import { HOST, b64, CREDENTIAL, pairOf, SESSION_ID, SIGNED_IN, TestTier } from "./harness.ts";
import { ORIGIN, START } from "./testing.ts";

const HTML = { accept: "text/html,application/xhtml+xml" };

let tier: TestTier;
beforeEach(async () => {
  tier = await TestTier.start();
});
afterEach(() => tier.close());

const result = (): string =>
  pairOf(
    tier.cookies.set(
      "result",
      { returnUri: "https://account.mihon.example/return", state: "a&b", code: "c" },
      START + 60_000,
    ),
  );

describe("pages", () => {
  it.each(Object.values(PAGES))(
    "%s is the document, set up so that nothing foreign runs in it",
    async (path) => {
      const answer = await tier.get(path, HTML);
      expect(answer).toMatchObject({
        status: 200,
        text: "<!doctype html><title>page</title>",
        setCookie: [],
      });
      expect(answer.headers).toMatchObject({
        "cache-control": "no-store",
        "content-security-policy":
          "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;font-src 'self';" +
          "connect-src 'self';manifest-src 'self';form-action 'self';frame-ancestors 'none';base-uri 'none'",
        "strict-transport-security": "max-age=31536000",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      });
      expect(String(answer.headers["permissions-policy"])).toContain("camera=()");
      expect(tier.services.asked).toEqual([]);
    },
  );

  it("of any kind make nothing when they are fetched ahead", async () => {
    for (const path of [...Object.values(PAGES), ENDPOINTS.state, ENDPOINTS.config]) {
      const answer = await tier.get(path, {
        "sec-purpose": "prefetch;prerender",
        cookie: tier.sessionCookie(),
      });
      expect(answer).toMatchObject({ status: 200, setCookie: [] });
    }
    expect(tier.services.asked).toEqual([]);
  });

  it("have files that are kept for a year, for their names change with them", async () => {
    const answer = await tier.get("/assets/page-1234.js");
    expect(answer).toMatchObject({ status: 200, text: "export {};" });
    expect(answer.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
  });

  it.each([
    ["gzip, deflate, br, zstd", "br", "as Brotli"],
    ["gzip", "gzip", "as gzip"],
    ["identity", undefined, undefined],
  ])("for accept-encoding %s are sent as %s, and kept for as long", async (accepted, encoding, text) => {
    for (const [path, cache] of [
      ["/journey", "no-store"],
      ["/assets/page-1234.js", "public, max-age=31536000, immutable"],
    ] as const) {
      const answer = await tier.get(path, { "accept-encoding": accepted });
      expect(answer.headers["content-encoding"]).toBe(encoding);
      expect(answer.headers["cache-control"]).toBe(cache);
      expect(answer.headers["content-type"]).toMatch(/^(?:text\/html|(?:text|application)\/javascript)/);
      if (text !== undefined) expect(answer.text).toBe(text);
    }
  });

  it.each([
    ["/nowhere"],
    ["/index.html"],
    ["/index.html.br"],
    ["/assets/page-1234.js.gz"],
    ["/assets/"],
    ["/assets/../index.html"],
    ["/.env"],
    ["/assets/%2e%2e/%2e%2e/etc/passwd"],
    ["/rpc/browser/nothing"],
  ])("%s is a page that helps, in both languages and without script", async (path) => {
    const answer = await tier.get(path, { ...HTML, "accept-language": "en-GB,ja;q=0.5" });
    expect(answer.status).toBe(404);
    expect(answer.headers["content-language"]).toBe("en");
    expect(answer.text.indexOf("There is no such page")).toBeLessThan(
      answer.text.indexOf("このページはありません"),
    );
    expect(answer.text).toContain('href="https://www.mihon.example/help"');
    expect(answer.text).not.toContain("<script");
  });

  it("that are not there are a reason for scripts", async () => {
    expect(await tier.get("/nowhere", { accept: "application/json" })).toMatchObject({
      reason: "NOT_SUPPORTED",
    });
  });

  it.each([
    [undefined, "ja"],
    ["ja", "ja"],
    ["en", "en"],
    ["fr, en;q=0.4", "en"],
    ["fr", "ja"],
    ["en;q=0.3, ja;q=0.9", "ja"],
    ["en;q=0, ja;q=0.1", "ja"],
    ["*", "ja"],
  ])("of failure speak for accept-language %s first %s", async (asked, language) => {
    const answer = await tier.get("/nowhere", {
      ...HTML,
      ...(asked === undefined ? {} : { "accept-language": asked }),
    });
    expect(answer.headers["content-language"]).toBe(language);
  });

  it("of another host name are sent to ours", async () => {
    const answer = await tier.get("/", { ...HTML, host: "evil.example" });
    expect(answer.status).toBe(421);
    expect(answer.text).toContain(`href="${ORIGIN}"`);
  });

  it("of a fault say nothing of it, and have a number that the log knows", async () => {
    const broken = await TestTier.start({
      plugins: [
        (app) => {
          app.get("/broken", () => {
            throw new Error("secret of the inside");
          });
        },
      ],
    });
    const answer = await broken.get("/broken", HTML);
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("secret of the inside");
    const id = String(answer.headers["x-request-id"]);
    expect(answer.text).toContain(id);
    expect(broken.log.find((line) => line.includes("secret of the inside"))).toContain(id);
    await broken.close();
  });
});

describe("what pages are told", () => {
  it("is the configuration, the same for everybody", async () => {
    const answer = await tier.get(ENDPOINTS.config);
    expect(answer.json).toMatchObject({
      relyingPartyId: "demo-university",
      firstStep: "ACCOUNT",
      acts: ["LINK", "UNLINK", "REPLACE"],
      app: { iosVersion: "16.4" },
    });
    expect(answer.text).not.toContain("oidc");
  });

  it("is nothing of a browser without cookies", async () => {
    const answer = await tier.get(ENDPOINTS.state);
    expect(answer.json).toEqual({ session: null, signedIn: null });
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  it("is session and account of the cookies, without anything that is secret", async () => {
    const answer = await tier.get(ENDPOINTS.state, {
      cookie: `${tier.sessionCookie()}; ${tier.signInCookie()}`,
    });
    expect(answer.json).toEqual({
      session: { id: b64(SESSION_ID), act: "LINK", expiresAt: "2026-11-27T09:30:00.000Z" },
      signedIn: {
        accountHint: "sh***",
        accountName: SIGNED_IN.name,
        authTime: "2026-11-27T08:59:00.000Z",
        fresh: true,
        until: "2026-11-27T09:15:00.000Z",
      },
    });
    expect(answer.text).not.toContain(b64(CREDENTIAL));
    expect(answer.text).not.toContain(SIGNED_IN.subject + '"');
  });
});

describe("leaving", () => {
  it("cancels the session and clears every cookie", async () => {
    const answer = await tier.post(ENDPOINTS.leave, undefined, { cookie: tier.sessionCookie() });
    expect(answer).toMatchObject({ status: 204, setCookie: tier.cookies.clearAll() });
    const { request, headers } = tier.services.one("CancelSession");
    expect(Buffer.from(request["sessionId"] as Uint8Array)).toEqual(SESSION_ID);
    expect(headers.get("authorization")).toBe(`Bearer ${b64(CREDENTIAL)}`);
  });

  it("clears every cookie also if the services fail, or there is no session", async () => {
    tier.services.answers.set("CancelSession", () => {
      throw new ConnectError("down", Code.Unavailable);
    });
    for (const cookie of [tier.sessionCookie(), undefined]) {
      expect(await tier.post(ENDPOINTS.leave, undefined, { cookie })).toMatchObject({
        status: 204,
        setCookie: tier.cookies.clearAll(),
      });
    }
  });

  it("the account only forgets the sign-in", async () => {
    const answer = await tier.post(ENDPOINTS.signOut, undefined, { cookie: tier.sessionCookie() });
    expect(answer).toMatchObject({
      status: 204,
      setCookie: [tier.cookies.clear("signIn"), tier.cookies.clear("oidc")],
    });
    expect(tier.services.asked).toEqual([]);
  });

  it.each([ENDPOINTS.leave, ENDPOINTS.signOut])(
    "%s by another site is refused, and nothing happens",
    async (path) => {
      for (const headers of [
        { origin: "https://evil.example" },
        { origin: undefined },
        { origin: "null" },
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
      ]) {
        const answer = await tier.post(path, undefined, { cookie: tier.sessionCookie(), ...headers });
        expect(answer).toMatchObject({ status: 403, reason: "CROSS_SITE", setCookie: [] });
      }
      expect((await tier.get(path)).status).toBe(404);
      expect(tier.services.asked).toEqual([]);
    },
  );
});

describe("the result of VERIFY", () => {
  it("goes to the relying party, once, whatever the request says", async () => {
    const evil = "?return_uri=https://evil.example&state=x&code=y";
    const answer = await tier.get(`${ENDPOINTS.result}${evil}`, { cookie: result() });
    expect(answer).toMatchObject({ status: 303, setCookie: [tier.cookies.clear("result")] });
    expect(answer.headers).toMatchObject({
      location: "https://account.mihon.example/return?state=a%26b&code=c",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    });
  });

  it.each([
    ["no cookie", ENDPOINTS.result, () => undefined],
    ["a made-up cookie", ENDPOINTS.result, () => `__Host-musubi_result={"returnUri":"https://evil.example"}`],
    ["an address in the request", `${ENDPOINTS.result}?return_uri=https://evil.example`, () => undefined],
  ])("with %s goes to our own page", async (_, url, cookie) => {
    const given = cookie();
    const answer = await tier.get(url, given === undefined ? {} : { cookie: given });
    expect(answer.headers["location"]).toBe("/journey#error=RESULT_CODE_INVALID");
  });

  it("is not used up by a prefetch", async () => {
    for (const header of ["sec-purpose", "purpose"]) {
      const answer = await tier.get(ENDPOINTS.result, { cookie: result(), [header]: "prefetch" });
      expect(answer).toMatchObject({ status: 503, setCookie: [] });
      expect(answer.headers["location"]).toBeUndefined();
    }
  });

  it("is not used up by a HEAD", async () => {
    const { statusCode, headers } = await tier.server.app.inject({
      method: "HEAD",
      url: ENDPOINTS.result,
      headers: { host: HOST, cookie: result() },
    });
    expect(statusCode).toBe(404);
    expect(headers["set-cookie"]).toBeUndefined();
  });

  it("is over after a minute", async () => {
    const cookie = result();
    tier.clock.advance(60_000);
    expect((await tier.get(ENDPOINTS.result, { cookie })).headers["location"]).toContain("#error=");
  });
});

describe("limits", () => {
  const few = (json: Record<string, unknown>): void => {
    json["limits"] = { requests_per_second: 1, requests_burst: 3 };
    json["trusted_proxies"] = ["127.0.0.1"];
  };
  const from = (address: string) => ({ "x-forwarded-for": address });

  it("refuse what one network asks too often, say when to come back, and touch no other network", async () => {
    const small = await TestTier.start({ change: few });
    for (let i = 0; i < 3; ++i)
      expect((await small.get("/state.json", from(`192.0.2.${i}`))).status).toBe(200);
    const refused = await small.get("/state.json", from("192.0.2.9"));
    expect(refused).toMatchObject({ status: 429, reason: "TOO_MANY_REQUESTS" });
    expect(refused.headers["retry-after"]).toBe("1");
    expect((await small.get("/", { ...HTML, ...from("192.0.2.9") })).text).toContain("混み合って");
    const call = await small.call("browser", "SessionService/GetSession", {}, from("192.0.2.9"));
    expect(call).toMatchObject({
      status: 429,
      reason: "TOO_MANY_REQUESTS",
      domain: "musubi.web",
      retry: true,
    });
    expect((await small.get("/state.json", from("198.51.100.1"))).status).toBe(200);
    small.clock.advance(1_000);
    expect((await small.get("/state.json", from("192.0.2.9"))).status).toBe(200);
    await small.close();
  });

  it("believe no address that a browser says itself", async () => {
    const small = await TestTier.start({
      change: (json) => {
        few(json);
        json["trusted_proxies"] = [];
      },
    });
    for (let i = 0; i < 3; ++i) await small.get("/state.json", from(`192.0.${i}.1`));
    expect((await small.get("/state.json", from("203.0.113.1"))).status).toBe(429);
    await small.close();
  });

  it("refuse a body that is too large", async () => {
    const answer = await tier.post(ENDPOINTS.leave, { filler: "x".repeat(70_000) });
    expect(answer).toMatchObject({ status: 413, reason: "REQUEST_TOO_LARGE" });
  });
});

it("a log line has a route and no query, cookie or address", async () => {
  await tier.get("/result?state=from-the-url", { cookie: result() });
  const lines = tier.log.join("");
  expect(lines).toContain('"route":"/result"');
  for (const secret of ["from-the-url", result().slice(30, 60), "127.0.0.1", "account.mihon.example"]) {
    expect(lines).not.toContain(secret);
  }
});
