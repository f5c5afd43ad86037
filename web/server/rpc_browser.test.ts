import { Code, ConnectError } from "@connectrpc/connect";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { Act, FlowPolicy, SessionState } from "../gen/musubi/v1/common_pb.ts";
import {
  b64,
  CREDENTIAL,
  LINK_ID,
  NEW_CREDENTIAL,
  OTHER_SESSION_ID,
  pairOf,
  REQUEST_ID,
  SESSION_ID,
  SIGNED_IN,
  TestTier,
} from "./harness.ts";
import { START } from "./testing.ts";

const HOUR = 3_600_000;
const EXPIRES = timestampFromMs(START + HOUR / 2);
const sessionId = SESSION_ID.toString("base64");
const requestId = REQUEST_ID.toString("base64");
const linkId = LINK_ID.toString("base64");
const account = { issuer: "https://login.mihon.example", subject: "shiken-002" };
const signIn = { ...account, authTime: "2026-11-27T09:00:00Z", acr: "urn:example:acr:mfa" };
const ERR = (reason: string, domain = "musubi"): { reason: string; domain: string } => ({ reason, domain });

let tier: TestTier;
beforeAll(async () => {
  tier = await TestTier.start({ change: (json) => (json["limits"] = { requests_burst: 10_000 }) });
});
beforeEach(() => tier.reset());
afterAll(() => tier.close());

/** What is passed on as it is, with the credential of the cookie. */
const PASSED: [method: string, body: object][] = [
  ["SessionService/GetSession", { sessionId }],
  ["SessionService/CancelSession", { sessionId, requestId, reason: "CANCEL_REASON_USER_CANCELLED" }],
  ["PairingService/GetQrFrame", { sessionId }],
  ["PairingService/RefreshQr", { sessionId, requestId }],
  ["PairingService/ConfirmCode", { sessionId, requestId, pairingCode: "123456" }],
  ["PairingService/CreateHandoff", { sessionId, requestId }],
];

describe.each(PASSED)("the call %s", (method, body) => {
  const name = method.split("/")[1] ?? "";

  it("goes to the services with the cookie's credential, a request id and a trace", async () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const answer = await tier.call("browser", method, body, {
      cookie: tier.sessionCookie(),
      authorization: "Bearer of-a-script",
      traceparent,
    });
    expect(answer).toMatchObject({ status: 200, setCookie: [] });
    const { request, headers } = tier.services.one(name);
    expect(Buffer.from(request["sessionId"] as Uint8Array)).toEqual(SESSION_ID);
    expect(headers.get("authorization")).toBe(`Bearer ${b64(CREDENTIAL)}`);
    expect(headers.get("x-request-id")).toBe(answer.headers["x-request-id"]);
    expect(headers.get("traceparent")).toBe(traceparent);
    expect(headers.get("cookie")).toBeNull();
    expect(Number(headers.get("connect-timeout-ms"))).toBeLessThanOrEqual(8_000);
  });

  it.each([
    ["without a cookie", () => undefined, "NO_SESSION"],
    ["with a damaged cookie", () => `${tier.sessionCookie()}x`, "NO_SESSION"],
    [
      "with the cookie of another session",
      () => tier.sessionCookie({ id: b64(OTHER_SESSION_ID) }),
      "SESSION_REPLACED",
    ],
  ])("is refused %s", async (_, cookie, reason) => {
    expect(await tier.call("browser", method, body, { cookie: cookie() })).toMatchObject(
      ERR(reason, "musubi.web"),
    );
    expect(tier.services.asked).toEqual([]);
  });

  it("is refused when the cookie is over", async () => {
    const cookie = tier.sessionCookie();
    tier.clock.advance(HOUR);
    expect(await tier.call("browser", method, body, { cookie })).toMatchObject(
      ERR("NO_SESSION", "musubi.web"),
    );
  });

  it.each([
    ["another origin", { origin: "https://evil.example" }],
    ["the app's origin", { origin: "https://app.mihon.example" }],
    ["the origin null", { origin: "null" }],
    ["no origin", { origin: undefined }],
    ["another site by Sec-Fetch-Site", { "sec-fetch-site": "cross-site" }],
    ["a sister host by Sec-Fetch-Site", { "sec-fetch-site": "same-site" }],
  ])("is refused from %s", async (_, headers) => {
    const answer = await tier.call("browser", method, body, { cookie: tier.sessionCookie(), ...headers });
    expect(answer).toMatchObject({ status: 403, ...ERR("CROSS_SITE", "musubi.web") });
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    expect(tier.services.asked).toEqual([]);
  });

  it("is refused with GET", async () => {
    const url = `/rpc/browser/musubi.v1.${method}?message=${encodeURIComponent(JSON.stringify(body))}&encoding=json`;
    expect((await tier.get(url, { cookie: tier.sessionCookie() })).status).toBe(405);
    expect(tier.services.asked).toEqual([]);
  });

  it("is refused at another host", async () => {
    const headers = { cookie: tier.sessionCookie(), host: "evil.example" };
    expect(await tier.call("browser", method, body, headers)).toMatchObject({
      status: 421,
      reason: "CROSS_SITE",
    });
  });
});

describe("what is not offered", () => {
  it.each([
    "LinkService/ResolveLink",
    "ValidationService/ValidateCertificate",
    "ValidationService/GetChallenge",
    "ValidationService/SubmitProof",
    "ValidationService/GrantConsent",
    "PairingService/ClaimQr",
    "PairingService/ClaimHandoff",
    "PairingService/RefreshCode",
    "PairingService/RefreshReturnCode",
  ])("%s is unimplemented for pages", async (method) => {
    const answer = await tier.call("browser", method, {}, { cookie: tier.sessionCookie() });
    // A service of which nothing is offered is not there at all.
    expect(answer).toMatchObject({
      status: method.startsWith("Validation") ? 404 : 501,
      reason: "NOT_SUPPORTED",
    });
    expect(tier.services.asked).toEqual([]);
  });
});

describe("CreateSession", () => {
  const body = { requestId, act: "ACT_LINK", locale: "ja" };
  beforeEach(() => {
    tier.services.answers.set("CreateSession", () => ({
      sessionId: SESSION_ID,
      expiresAt: EXPIRES,
      entry: { case: "browserCredential", value: CREDENTIAL },
    }));
  });

  it("is filled in by the tier, and the credential goes into the cookie alone", async () => {
    const answer = await tier.call("browser", "SessionService/CreateSession", body, {
      cookie: tier.signInCookie(),
      "user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json).sort()).toEqual(["expiresAt", "sessionId"]);
    const { request, headers } = tier.services.one("CreateSession");
    expect(request).toMatchObject({
      relyingPartyId: "demo-university",
      act: Act.LINK,
      flowPolicy: FlowPolicy.ANY,
      locale: "ja",
      account: { issuer: SIGNED_IN.issuer, subject: SIGNED_IN.subject, maskedHint: "sh***" },
      clientContext: { browser: "Firefox 140", operatingSystem: "Windows", network: "" },
      clientNetwork: "127.0.0.0/24",
      state: "",
      returnUri: "",
    });
    expect(headers.get("authorization")).toBeNull();
    expect(answer.setCookie).toHaveLength(1);
    expect(answer.setCookie[0]).toMatch(/Max-Age=1800; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    expect(tier.cookies.read("session", pairOf(answer.setCookie[0] ?? ""))).toEqual({
      value: { id: b64(SESSION_ID), credential: b64(CREDENTIAL), act: "LINK", returned: false },
      expiresAt: START + HOUR / 2,
    });
  });

  it.each([
    ["relying_party_id", { relyingPartyId: "demo-university" }],
    ["flow_policy", { flowPolicy: "FLOW_POLICY_ANY" }],
    ["client_context", { clientContext: { browser: "Firefox 1" } }],
    ["client_context", { clientContext: {} }],
    ["account", { account }],
    ["account", { account: {} }],
    ["state", { state: "x" }],
    ["return_uri", { returnUri: "https://account.mihon.example/recovery/return" }],
    ["client_network", { clientNetwork: "192.0.2.0/24" }],
  ])("is refused if the browser sets %s: %o", async (field, extra) => {
    const answer = await tier.call(
      "browser",
      "SessionService/CreateSession",
      { ...body, ...extra },
      { cookie: tier.signInCookie() },
    );
    expect(answer).toMatchObject({
      status: 400,
      ...ERR("FIELD_NOT_ALLOWED"),
      facts: { field },
      setCookie: [],
    });
    expect(tier.services.asked).toEqual([]);
  });

  it("needs a sign-in where the account comes first", async () => {
    expect(await tier.call("browser", "SessionService/CreateSession", body)).toMatchObject(
      ERR("NOT_SIGNED_IN", "musubi.web"),
    );
    const late = tier.signInCookie();
    tier.clock.advance(15 * 60_000);
    expect(await tier.call("browser", "SessionService/CreateSession", body, { cookie: late })).toMatchObject(
      ERR("NOT_SIGNED_IN", "musubi.web"),
    );
    expect(tier.services.asked).toEqual([]);
  });

  it("names no account where the card comes first and nobody is signed in", async () => {
    const card = await TestTier.start({ change: (json) => (json["first_step"] = "CARD") });
    card.services.answers.set("CreateSession", () => ({
      sessionId: SESSION_ID,
      expiresAt: EXPIRES,
      entry: { case: "browserCredential", value: CREDENTIAL },
    }));
    expect((await card.call("browser", "SessionService/CreateSession", body)).status).toBe(200);
    expect(card.services.one("CreateSession").request["account"]).toBeUndefined();
    await card.close();
  });

  it("cancels the session that it takes the place of, and not itself when it is repeated", async () => {
    const old = tier.sessionCookie({ id: b64(OTHER_SESSION_ID), credential: b64(NEW_CREDENTIAL) });
    const cookie = `${tier.signInCookie()}; ${old}`;
    await tier.call("browser", "SessionService/CreateSession", body, { cookie });
    await expect.poll(() => tier.services.asked.length).toBe(2);
    const { request, headers } = tier.services.one("CancelSession");
    expect(Buffer.from(request["sessionId"] as Uint8Array)).toEqual(OTHER_SESSION_ID);
    expect(headers.get("authorization")).toBe(`Bearer ${b64(NEW_CREDENTIAL)}`);
    await tier.call("browser", "SessionService/CreateSession", body, {
      cookie: `${tier.signInCookie()}; ${tier.sessionCookie()}`,
    });
    expect(tier.services.asked.map(({ method }) => method)).toEqual([
      "CreateSession",
      "CancelSession",
      "CreateSession",
    ]);
  });
});

describe("ClaimStart", () => {
  it("puts the credential into the cookie alone", async () => {
    tier.services.answers.set("ClaimStart", () => ({
      browserCredential: CREDENTIAL,
      act: Act.VERIFY,
      expiresAt: EXPIRES,
    }));
    const startCode = Buffer.alloc(32, 9).toString("base64");
    const answer = await tier.call("browser", "SessionService/ClaimStart", {
      requestId,
      sessionId,
      startCode,
    });
    expect(answer.json).toEqual({ act: "ACT_VERIFY", expiresAt: "2026-11-27T09:30:00Z" });
    expect(tier.services.one("ClaimStart").headers.get("authorization")).toBeNull();
    expect(tier.cookies.read("session", pairOf(answer.setCookie[0] ?? ""))?.value).toEqual({
      id: b64(SESSION_ID),
      credential: b64(CREDENTIAL),
      act: "VERIFY",
      returned: false,
    });
  });
});

describe("ClaimStart in a browser that has a session", () => {
  it("cancels the one that it takes the place of", async () => {
    tier.services.answers.set("ClaimStart", () => ({
      browserCredential: CREDENTIAL,
      act: Act.VERIFY,
      expiresAt: EXPIRES,
    }));
    const body = { requestId, sessionId, startCode: Buffer.alloc(32, 9).toString("base64") };
    const cookie = tier.sessionCookie({ id: b64(OTHER_SESSION_ID), credential: b64(NEW_CREDENTIAL) });
    await tier.call("browser", "SessionService/ClaimStart", body, { cookie });
    await expect.poll(() => tier.services.asked.length).toBe(2);
    const { request, headers } = tier.services.one("CancelSession");
    expect(Buffer.from(request["sessionId"] as Uint8Array)).toEqual(OTHER_SESSION_ID);
    expect(headers.get("authorization")).toBe(`Bearer ${b64(NEW_CREDENTIAL)}`);
  });
});

describe("BindAccount", () => {
  const both = (): string => `${tier.sessionCookie()}; ${tier.signInCookie()}`;

  it("binds the signed-in account, and the new credential replaces the old one in the cookie alone", async () => {
    tier.services.answers.set("BindAccount", () => ({ browserCredential: NEW_CREDENTIAL }));
    const answer = await tier.call(
      "browser",
      "SessionService/BindAccount",
      { sessionId, requestId },
      { cookie: both() },
    );
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({});
    expect(tier.services.one("BindAccount").request["account"]).toMatchObject({
      issuer: SIGNED_IN.issuer,
      subject: SIGNED_IN.subject,
      maskedHint: "sh***",
    });
    expect(tier.cookies.read("session", pairOf(answer.setCookie[0] ?? ""))).toEqual({
      value: { id: b64(SESSION_ID), credential: b64(NEW_CREDENTIAL), act: "LINK", returned: true },
      expiresAt: START + HOUR / 2,
    });
  });

  it.each([
    ["an account in the request", both, { account }, ERR("FIELD_NOT_ALLOWED")],
    ["no session", () => tier.signInCookie(), {}, ERR("NO_SESSION", "musubi.web")],
    ["no sign-in", () => tier.sessionCookie(), {}, ERR("NOT_SIGNED_IN", "musubi.web")],
    [
      "another session",
      () => `${tier.signInCookie()}; ${tier.sessionCookie({ id: b64(OTHER_SESSION_ID) })}`,
      {},
      ERR("SESSION_REPLACED", "musubi.web"),
    ],
  ])("is refused with %s", async (_, cookie, extra, expected) => {
    const body = { sessionId, requestId, ...extra };
    expect(
      await tier.call("browser", "SessionService/BindAccount", body, { cookie: cookie() }),
    ).toMatchObject(expected);
    expect(tier.services.asked).toEqual([]);
  });
});

describe("CompleteReturn", () => {
  const returnCode = Buffer.alloc(32, 9).toString("base64");
  const RESULT = Buffer.alloc(32, 10);
  const call = (body: object, cookie?: string) =>
    tier.call("browser", "PairingService/CompleteReturn", { sessionId, requestId, ...body }, { cookie });

  it("replaces the credential in the cookie alone", async () => {
    tier.services.answers.set("CompleteReturn", () => ({
      browserCredential: NEW_CREDENTIAL,
      state: SessionState.READY,
    }));
    const answer = await call({ returnCode }, tier.sessionCookie());
    expect(answer.json).toEqual({ state: "SESSION_STATE_READY" });
    expect(answer.setCookie).toHaveLength(1);
    expect(tier.cookies.read("session", pairOf(answer.setCookie[0] ?? ""))?.value).toMatchObject({
      credential: b64(NEW_CREDENTIAL),
      returned: true,
    });
  });

  it("keeps the result of VERIFY from scripts: it is in a cookie for GET /result alone", async () => {
    tier.services.answers.set("CompleteReturn", () => ({
      browserCredential: NEW_CREDENTIAL,
      state: SessionState.READY,
      verify: {
        returnUri: "https://account.mihon.example/recovery/return",
        state: "callers-state",
        resultCode: RESULT,
        expiresAt: timestampFromMs(START + 59_000),
      },
    }));
    const answer = await call({ returnCode }, tier.sessionCookie({ act: "VERIFY" }));
    expect(answer.json).toEqual({
      state: "SESSION_STATE_READY",
      verify: { expiresAt: "2026-11-27T09:00:59Z" },
    });
    expect(answer.setCookie).toHaveLength(2);
    expect(answer.setCookie[1]).toContain("Max-Age=59;");
    const result = await tier.get("/result", { cookie: pairOf(answer.setCookie[1] ?? "") });
    expect(result).toMatchObject({ status: 303, setCookie: [tier.cookies.clear("result")] });
    expect(result.headers["location"]).toBe(
      `https://account.mihon.example/recovery/return?state=callers-state&code=${b64(RESULT)}`,
    );
  });

  it.each([
    ["no session", () => undefined],
    ["another session", () => tier.sessionCookie({ id: b64(OTHER_SESSION_ID) })],
  ])("with a return code in a browser of %s says so, and does not use the code up", async (_, cookie) => {
    expect(await call({ returnCode }, cookie())).toMatchObject(ERR("RETURN_IN_OTHER_BROWSER"));
    expect(tier.services.asked).toEqual([]);
  });

  it.each([
    ["no session", () => undefined, "NO_SESSION"],
    ["another session", () => tier.sessionCookie({ id: b64(OTHER_SESSION_ID) }), "SESSION_REPLACED"],
  ])("without a return code and with %s is refused", async (_, cookie, reason) => {
    expect(await call({}, cookie())).toMatchObject(ERR(reason, "musubi.web"));
    expect(tier.services.asked).toEqual([]);
  });
});

describe("LinkService", () => {
  const cookie = (): string => `${tier.signInCookie()}; ${tier.sessionCookie({ returned: true })}`;
  const METHODS: [method: string, body: object, field: string, extra: object][] = [
    ["CreateLink", { sessionId, requestId }, "sign_in", { signIn }],
    ["DeleteLink", { linkId, requestId }, "sign_in", { signIn }],
    ["DeleteLink", { sessionId, requestId }, "sign_in", { signIn }],
    ["GetLink", { linkId, includeName: true }, "account", { account }],
    ["ListLinks", { includeEnded: true, pageSize: 5, pageToken: "t" }, "account", { account }],
    ["ListLinkEvents", { linkId, pageSize: 5 }, "account", { account }],
  ];
  beforeEach(() => {
    tier.services.answers.set("GetSession", () => ({ session: { state: SessionState.READY } }));
  });

  it.each(METHODS)("%s %o is asked for the signed-in account", async (method, body, field) => {
    const answer = await tier.call("browser", `LinkService/${method}`, body, { cookie: cookie() });
    expect(answer.status).toBe(200);
    const { request, headers } = tier.services.one(method);
    expect(headers.get("authorization")).toBeNull();
    const named = field === "sign_in" ? request["signIn"] : request["account"];
    expect(named).toMatchObject({ issuer: SIGNED_IN.issuer, subject: SIGNED_IN.subject });
    if (field === "sign_in") {
      expect(named).toMatchObject({ acr: SIGNED_IN.acr, authTime: { seconds: BigInt(SIGNED_IN.authTime) } });
    }
  });

  it.each(METHODS)("%s %o is refused if the browser sets %s", async (method, body, field, extra) => {
    const answer = await tier.call(
      "browser",
      `LinkService/${method}`,
      { ...body, ...extra },
      { cookie: cookie() },
    );
    expect(answer).toMatchObject({ ...ERR("FIELD_NOT_ALLOWED"), facts: { field } });
    expect(tier.services.asked).toEqual([]);
  });

  it.each(METHODS)("%s %o needs a sign-in", async (method, body) => {
    const only = tier.sessionCookie({ returned: true });
    expect(await tier.call("browser", `LinkService/${method}`, body, { cookie: only })).toMatchObject(
      ERR("NOT_SIGNED_IN", "musubi.web"),
    );
    expect(tier.services.asked).toEqual([]);
  });

  it.each(METHODS.filter(([, , field]) => field === "sign_in"))(
    "%s %o needs a sign-in that the person was asked for",
    async (method, body) => {
      const only = `${tier.sessionCookie({ returned: true })}; ${tier.signInCookie({ fresh: false })}`;
      expect(await tier.call("browser", `LinkService/${method}`, body, { cookie: only })).toMatchObject(
        ERR("SIGN_IN_TOO_OLD"),
      );
      expect(tier.services.asked).toEqual([]);
    },
  );

  describe.each(["CreateLink", "DeleteLink"])("%s with a session", (method) => {
    const call = (session: string) =>
      tier.call(
        "browser",
        `LinkService/${method}`,
        { sessionId, requestId },
        { cookie: `${tier.signInCookie()}; ${session}` },
      );

    it("needs the credential that was made after the card's proof", async () => {
      expect(await call(tier.sessionCookie())).toMatchObject({
        ...ERR("WRONG_STATE"),
        facts: { state: "READY" },
      });
      expect(tier.services.asked).toEqual([]);
    });

    it("needs the session of this browser", async () => {
      const other = tier.sessionCookie({ id: b64(OTHER_SESSION_ID), returned: true });
      expect(await call(other)).toMatchObject(ERR("SESSION_REPLACED", "musubi.web"));
      expect(tier.services.asked).toEqual([]);
    });

    it("is refused with a cookie whose credential is void", async () => {
      tier.services.answers.set("GetSession", () => {
        throw new ConnectError("x", Code.Unauthenticated, undefined, [
          { desc: ErrorInfoSchema, value: ERR("CREDENTIAL_INVALID") },
        ]);
      });
      expect(await call(tier.sessionCookie({ returned: true }))).toMatchObject(ERR("CREDENTIAL_INVALID"));
      expect(tier.services.asked.map((asked) => asked.method)).toEqual(["GetSession"]);
    });

    it("says that the time is over, as the services do", async () => {
      tier.services.answers.set("GetSession", () => ({ session: { state: SessionState.EXPIRED } }));
      expect(await call(tier.sessionCookie({ returned: true }))).toMatchObject(ERR("SESSION_EXPIRED"));
    });

    it("is refused before READY, and may be repeated after USED", async () => {
      const session = tier.sessionCookie({ returned: true });
      expect((await call(session)).status).toBe(200);
      expect(tier.services.one("GetSession").headers.get("authorization")).toBe(`Bearer ${b64(CREDENTIAL)}`);
      tier.services.answers.set("GetSession", () => ({ session: { state: SessionState.PROVEN } }));
      expect(await call(session)).toMatchObject({ ...ERR("WRONG_STATE"), facts: { state: "PROVEN" } });
      tier.services.answers.set("GetSession", () => ({ session: { state: SessionState.USED } }));
      expect((await call(session)).status).toBe(200);
    });
  });
});

describe("a failure of the services", () => {
  const get = () =>
    tier.call("browser", "SessionService/GetSession", { sessionId }, { cookie: tier.sessionCookie() });
  const fail = (error: unknown) =>
    tier.services.answers.set("GetSession", () => {
      throw error;
    });

  it("reaches the page with its reason, its facts and its delay, and nothing else", async () => {
    fail(
      new ConnectError("detail for a developer", Code.ResourceExhausted, { "x-inner": "10.0.0.1" }, [
        {
          desc: ErrorInfoSchema,
          value: { reason: "RATE_LIMITED", domain: "musubi", metadata: { limit: "sessions" } },
        },
        { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(1_500) } },
      ]),
    );
    const answer = await get();
    expect(answer).toMatchObject({
      status: 429,
      ...ERR("RATE_LIMITED"),
      facts: { limit: "sessions" },
      retry: true,
    });
    expect(answer.headers["x-inner"]).toBeUndefined();
    expect(answer.text).not.toContain("detail for a developer");
  });

  it.each([
    ["a broken connection", Code.Unavailable, 503, "UNAVAILABLE"],
    ["a call that took too long", Code.DeadlineExceeded, 503, "UNAVAILABLE"],
    ["a full server", Code.ResourceExhausted, 429, "OVERLOADED"],
    ["a fault", Code.Internal, 500, "INTERNAL"],
    ["something unknown", Code.Unknown, 500, "INTERNAL"],
    ["a certificate that is not front's", Code.Unauthenticated, 500, "INTERNAL"],
  ])("without a reason, %s, becomes one that pages have words for", async (_, code, status, reason) => {
    fail(new ConnectError("connect ECONNREFUSED 10.0.0.1:50051", code));
    const answer = await get();
    expect(answer).toMatchObject({ status, ...ERR(reason) });
    expect(answer.text).not.toContain("10.0.0.1");
  });

  it("is not asked for with a body that is no message, or is too large", async () => {
    const cookie = tier.sessionCookie();
    const post = (body: object) => tier.call("browser", "SessionService/GetSession", body, { cookie });
    expect(await post({ sessionId: 5 })).toMatchObject({ status: 400 });
    expect(await post({ sessionId: "A".repeat(70_000) })).toMatchObject({ status: 429 });
    expect(tier.services.asked).toEqual([]);
  });

  it("is logged by reason, with no cookie, credential or body", async () => {
    fail(new ConnectError("boom", Code.Internal));
    const cookie = tier.sessionCookie();
    await tier.call("browser", "SessionService/GetSession", { sessionId }, { cookie });
    const lines = tier.log.join("");
    expect(lines).toContain('"outcome":"INTERNAL"');
    expect(lines).toContain("boom");
    for (const secret of [
      cookie,
      cookie.split("=")[1] ?? "",
      b64(CREDENTIAL),
      sessionId,
      b64(SESSION_ID),
      "127.0.0.1",
    ]) {
      expect(lines).not.toContain(secret);
    }
  });
});
