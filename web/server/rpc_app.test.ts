import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { b64, CREDENTIAL, REQUEST_ID, SESSION_ID, TestTier } from "./harness.ts";
import { APP_ORIGIN, ORIGIN } from "./testing.ts";

const sessionId = SESSION_ID.toString("base64");
const requestId = REQUEST_ID.toString("base64");
const authorization = `Bearer ${b64(CREDENTIAL)}`;

let tier: TestTier;
beforeAll(async () => {
  tier = await TestTier.start({ change: (json) => (json["limits"] = { requests_burst: 10_000 }) });
});
beforeEach(() => tier.reset());
afterAll(() => tier.close());

const OPEN = [
  ["PairingService/ClaimQr", { payload: "p", claimKey: "AAAA" }],
  ["PairingService/ClaimHandoff", { sessionId, handoffToken: "AAAA", claimKey: "AAAA" }],
] as const;
const DEVICE = [
  ["PairingService/RefreshCode", { sessionId, requestId }],
  ["PairingService/RefreshReturnCode", { sessionId, requestId }],
  ["ValidationService/GetChallenge", { sessionId }],
  ["ValidationService/SubmitProof", { sessionId, requestId, certificate: "AAAA" }],
  ["ValidationService/GrantConsent", { sessionId, requestId }],
  ["SessionService/GetSession", { sessionId }],
  ["SessionService/CancelSession", { sessionId, requestId, reason: "CANCEL_REASON_NOT_ME" }],
] as const;
const nameOf = (method: string): string => method.split("/")[1] ?? "";

describe.each([...OPEN, ...DEVICE])("the app's call %s", (method, body) => {
  it("of a page of the app is answered so that the page may read it, without cookies", async () => {
    const answer = await tier.call("app", method, body, {
      authorization,
      origin: APP_ORIGIN,
      "sec-fetch-site": "same-site",
      cookie: tier.sessionCookie(),
    });
    expect(answer).toMatchObject({ status: 200, setCookie: [] });
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": APP_ORIGIN, vary: "Origin" });
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
    expect(tier.services.one(nameOf(method)).headers.get("cookie")).toBeNull();
  });

  it("of a native app, which has no origin, is answered", async () => {
    expect((await tier.call("app", method, body, { authorization })).status).toBe(200);
  });

  it.each([
    ["another site", { origin: "https://evil.example" }],
    ["the tier's own pages", { origin: ORIGIN }],
    ["a host that begins alike", { origin: `${APP_ORIGIN}.evil.example` }],
    ["another port", { origin: `${APP_ORIGIN}:8443` }],
    ["the origin null", { origin: "null" }],
    ["a browser that hides its origin", { "sec-fetch-site": "cross-site" }],
  ])("is refused from %s", async (_, headers) => {
    const answer = await tier.call("app", method, body, { authorization, ...headers });
    expect(answer).toMatchObject({ status: 403, reason: "CROSS_SITE", domain: "musubi.web" });
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    expect(tier.services.asked).toEqual([]);
  });

  it("is asked for ahead by a page of the app, and of no other", async () => {
    const preflight = async (origin: string) =>
      (
        await tier.server.app.inject({
          method: "OPTIONS",
          url: `/rpc/app/musubi.v1.${method}`,
          headers: { host: "link.mihon.example", origin, "access-control-request-method": "POST" },
        })
      ).headers;
    const allowed = await preflight(APP_ORIGIN);
    expect(allowed).toMatchObject({
      "access-control-allow-origin": APP_ORIGIN,
      "access-control-allow-methods": "POST",
    });
    for (const header of ["authorization", "content-type", "connect-protocol-version", "x-grpc-web"]) {
      expect(String(allowed["access-control-allow-headers"]).toLowerCase().split(", ")).toContain(header);
    }
    expect((await preflight("https://evil.example"))["access-control-allow-origin"]).toBeUndefined();
  });
});

describe.each(DEVICE)("the app's call %s", (method, body) => {
  it("goes to the services with the app's credential", async () => {
    await tier.call("app", method, body, { authorization });
    expect(tier.services.one(nameOf(method)).headers.get("authorization")).toBe(authorization);
  });

  it.each([
    ["no credential", undefined, "CREDENTIAL_MISSING"],
    ["another scheme", `Basic ${b64(CREDENTIAL)}`, "CREDENTIAL_INVALID"],
    ["a short one", "Bearer AAAA", "CREDENTIAL_INVALID"],
    ["two of them", `${authorization}, ${authorization}`, "CREDENTIAL_INVALID"],
  ])("is refused with %s, whatever the cookies say", async (_, given, reason) => {
    const headers = { authorization: given, cookie: tier.sessionCookie() };
    expect(await tier.call("app", method, body, headers)).toMatchObject({
      status: 401,
      reason,
      domain: "musubi",
    });
    expect(tier.services.asked).toEqual([]);
  });
});

describe.each(OPEN)("the app's call %s", (method, body) => {
  it("carries its own proof: no credential goes with it", async () => {
    await tier.call("app", method, body, { authorization, cookie: tier.sessionCookie() });
    expect(tier.services.one(nameOf(method)).headers.get("authorization")).toBeNull();
  });
});

it.each([
  "SessionService/CreateSession",
  "SessionService/ClaimStart",
  "SessionService/BindAccount",
  "PairingService/GetQrFrame",
  "PairingService/RefreshQr",
  "PairingService/ConfirmCode",
  "PairingService/CreateHandoff",
  "PairingService/CompleteReturn",
  "ValidationService/ValidateCertificate",
  "LinkService/CreateLink",
  "LinkService/ResolveLink",
])("%s is not offered to apps", async (method) => {
  const answer = await tier.call("app", method, {}, { authorization });
  expect(answer).toMatchObject({ status: method.startsWith("Link") ? 404 : 501, reason: "NOT_SUPPORTED" });
  expect(tier.services.asked).toEqual([]);
});
