import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type HandlerContext } from "@connectrpc/connect";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { Act, Flow, FlowPolicy, VerdictStatus } from "../gen/musubi/v1/common_pb.ts";
import {
  LinkEventType,
  LinkService,
  LinkState,
  type ListLinkEventsRequest,
  type ListLinksRequest,
  type ResolveLinkRequest,
} from "../gen/musubi/v1/link_pb.ts";
import { SessionService, type CreateSessionRequest } from "../gen/musubi/v1/session_pb.ts";

import type { Refused } from "./recovery.ts";
import { buildDemoRp, DEMO_STEP_UP_CODE, masked } from "./server.ts";
import { WORDS } from "./words.ts";

const ORIGIN = "https://account.localhost:7002";
const TIER = "https://link.localhost:7001";
const RETURN_URI = `${ORIGIN}/recovery/return`;
const CODE = Buffer.alloc(32, 9).toString("base64url");
const ACCOUNT = { issuer: "https://localhost:7003", subject: "shiken-001" };
const LINK_ID = Buffer.from("00112233445566778899aabbccddeeff", "hex");
const START = Date.parse("2026-11-27T09:00:00Z");

/** The services, as far as a relying party sees them. */
class Services {
  created: CreateSessionRequest[] = [];
  resolved: ResolveLinkRequest[] = [];
  listed: (ListLinksRequest | ListLinkEventsRequest)[] = [];
  deadlines: (number | undefined)[] = [];
  startUrl = `${TIER}/start#s=a.b`;
  flow: Flow = Flow.ONE_DEVICE;
  verdict: VerdictStatus = VerdictStatus.VALID;
  act: Act = Act.VERIFY;
  refuse: { code: Code; reason: string; metadata?: Record<string, string> } | undefined;

  transport() {
    const seen = (context: HandlerContext) => {
      this.deadlines.push(context.timeoutMs());
      if (this.refuse === undefined) return;
      const { code, reason, metadata = {} } = this.refuse;
      const value = create(ErrorInfoSchema, { reason, domain: "musubi", metadata });
      throw new ConnectError(reason, code, undefined, [{ desc: ErrorInfoSchema, value }]);
    };
    return createRouterTransport(({ service }) => {
      service(SessionService, {
        createSession: (request, context) => {
          seen(context);
          this.created.push(request);
          const sessionId = Buffer.alloc(16, this.created.length);
          return { sessionId, entry: { case: "start", value: { startUrl: this.startUrl } } };
        },
      });
      service(LinkService, {
        resolveLink: (request, context) => {
          seen(context);
          this.resolved.push(request);
          return {
            linkId: LINK_ID,
            account: ACCOUNT,
            flow: this.flow,
            act: this.act,
            verdict: { status: this.verdict },
          };
        },
        listLinks: (request, context) => {
          seen(context);
          this.listed.push(request);
          return {
            links: [{ linkId: LINK_ID, state: LinkState.ACTIVE, createdAt: timestampFromMs(START) }],
          };
        },
        listLinkEvents: (request, context) => {
          seen(context);
          this.listed.push(request);
          return { events: [{ at: timestampFromMs(START), type: LinkEventType.CREATED, linkId: LINK_ID }] };
        },
      });
    });
  }
}

let services: Services;
let app: FastifyInstance;
let now: number;

beforeEach(async () => {
  services = new Services();
  now = START;
  let drawn = 0;
  app = await buildDemoRp(
    {
      origin: ORIGIN,
      relyingPartyId: "demo-university",
      returnUri: RETURN_URI,
      tierOrigin: TIER,
      tls: undefined,
    },
    {
      transport: services.transport(),
      clock: { now: () => now },
      random: (size) => Buffer.alloc(size, ++drawn),
    },
  );
});
afterEach(() => app.close());

/** A browser: cookies, and where it stands. */
class Visitor {
  cookies = new Map<string, string>();

  async send(url: string, form?: Record<string, string>, headers: Record<string, string> = {}) {
    const answer = await app.inject({
      url: url.replace(ORIGIN, ""),
      method: form === undefined ? "GET" : "POST",
      headers: {
        host: new URL(ORIGIN).host,
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(form === undefined
          ? {}
          : { origin: ORIGIN, "content-type": "application/x-www-form-urlencoded" }),
        ...headers,
      },
      ...(form === undefined ? {} : { payload: new URLSearchParams(form).toString() }),
    });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.cookies.set(name, value);
    }
    return {
      status: answer.statusCode,
      location: answer.headers.location,
      headers: answer.headers,
      body: answer.body,
      /** What the page says that it is. */
      state: /data-state="([^"]*)"/.exec(answer.body)?.[1],
    };
  }

  begin() {
    return this.send("/recovery", {});
  }

  /** Comes back from the tier with the state of the latest journey. */
  back(state = services.created.at(-1)?.state ?? "", code = CODE) {
    return this.send(`${RETURN_URI}?${new URLSearchParams({ state, code }).toString()}`);
  }
}

const NEW = "mihon-new-password";

describe("one phone", () => {
  test("recovers: start, back, new password, done", async () => {
    const visitor = new Visitor();
    expect((await visitor.send("/recovery")).state).toBe("rp-start");
    expect(services.created).toEqual([]);

    const begun = await visitor.begin();
    expect([begun.status, begun.location]).toEqual([303, services.startUrl]);
    const [created] = services.created;
    expect(created).toMatchObject({
      relyingPartyId: "demo-university",
      act: Act.VERIFY,
      flowPolicy: FlowPolicy.ANY,
      locale: "ja",
      returnUri: RETURN_URI,
    });
    expect(created?.requestId).toHaveLength(16);
    expect(created?.state).toMatch(/^[\w-]{43}$/);
    // What the services refuse from a relying party is not sent.
    expect(created?.account).toBeUndefined();
    expect(created?.clientContext).toBeUndefined();

    const back = await visitor.back();
    expect([back.status, back.location]).toEqual([303, "/recovery/password"]);
    expect(services.resolved[0]?.resultCode).toEqual(new Uint8Array(Buffer.from(CODE, "base64url")));
    expect(services.resolved[0]?.sessionId).toEqual(new Uint8Array(Buffer.alloc(16, 1)));

    const password = await visitor.send("/recovery/password");
    expect(password.state).toBe("rp-password");
    expect(password.body).toContain(masked(ACCOUNT.subject));
    expect(password.body).not.toContain(ACCOUNT.subject);

    expect((await visitor.send("/recovery/password", { first: NEW, second: NEW })).location).toBe(
      "/recovery/done",
    );
    expect((await visitor.send("/recovery/done")).state).toBe("rp-done");
    for (const ms of services.deadlines) expect(ms).toBeGreaterThan(0);
  });

  test("a page that is loaded again changes nothing", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    expect((await visitor.back()).location).toBe("/recovery/password");
    expect((await visitor.back()).location).toBe("/recovery/password");
    expect(services.resolved).toHaveLength(1);
    await visitor.send("/recovery/password", { first: NEW, second: NEW });
    expect((await visitor.back()).location).toBe("/recovery/done");
    expect((await visitor.send("/recovery/password")).location).toBe("/recovery/done");
    expect((await visitor.send("/recovery/password", { first: NEW, second: NEW })).location).toBe(
      "/recovery/done",
    );
  });

  test("a try whose answer was lost is made again with the same request id", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    services.refuse = { code: Code.Unavailable, reason: "UNAVAILABLE" };
    const lost = await visitor.back();
    expect([lost.status, lost.state]).toEqual([503, "rp-refused-trouble"]);
    // The button tries the same address once more.
    expect(lost.body).toContain(`href="/recovery/return?state=`);
    services.refuse = undefined;
    expect((await visitor.back()).location).toBe("/recovery/password");
    await visitor.begin();
    await visitor.back();
    const [first, second] = services.resolved;
    expect(first?.requestId).toHaveLength(16);
    expect(second?.requestId).not.toEqual(first?.requestId);
  });

  test.each([
    ["a short password", { first: "short", second: "short" }, "short"],
    ["two that differ", { first: NEW, second: `${NEW}!` }, "differ"],
    ["nothing", {}, "short"],
  ] as const)("%s is told on the same page", async (_name, form, told) => {
    const visitor = new Visitor();
    await visitor.begin();
    await visitor.back();
    const answer = await visitor.send("/recovery/password", form);
    expect(answer.state).toBe("rp-password");
    const words = WORDS.ja.password;
    expect(answer.body).toContain(told === "short" ? words.short(12) : words.differ);
    expect(answer.body).not.toContain(NEW);
  });
});

describe("a PC and a phone", () => {
  beforeEach(() => {
    services.flow = Flow.CROSS_DEVICE;
  });

  async function away(): Promise<Visitor> {
    const visitor = new Visitor();
    await visitor.begin();
    expect((await visitor.back()).location).toBe("/recovery/confirm");
    return visitor;
  }

  test("need one more proof before the password", async () => {
    const visitor = await away();
    expect((await visitor.send("/recovery/password")).location).toBe("/recovery/confirm");
    expect((await visitor.send("/recovery/password", { first: NEW, second: NEW })).location).toBe(
      "/recovery/confirm",
    );
    expect((await visitor.send("/recovery/links")).state).toBe("rp-refused-nothing-begun");
    expect((await visitor.send("/recovery/confirm")).state).toBe("rp-step-up");
    const right = await visitor.send("/recovery/confirm", { code: ` ${DEMO_STEP_UP_CODE}` });
    expect(right.location).toBe("/recovery/password");
    expect((await visitor.send("/recovery/password")).state).toBe("rp-password");
  });

  test("a flow that nobody knows needs it, too", async () => {
    services.flow = Flow.UNSPECIFIED;
    await away();
  });

  test("the third wrong code ends it, and coming back does not help", async () => {
    const visitor = await away();
    const first = await visitor.send("/recovery/confirm", { code: "000000" });
    expect(first.body).toContain(WORDS.ja.stepUp.wrong(2));
    await visitor.send("/recovery/confirm", {});
    expect((await visitor.send("/recovery/confirm", { code: "000000" })).state).toBe(
      "rp-refused-step-up-failed",
    );
    expect((await visitor.back()).state).toBe("rp-refused-nothing-begun");
    expect((await visitor.send("/recovery/confirm", { code: DEMO_STEP_UP_CODE })).state).toBe(
      "rp-refused-nothing-begun",
    );
  });
});

describe("an answer is refused", () => {
  test("in a browser that began nothing: the code is not used", async () => {
    await new Visitor().begin();
    const answer = await new Visitor().back();
    expect([answer.status, answer.state]).toEqual([400, "rp-refused-nothing-begun"]);
    expect(services.resolved).toEqual([]);
  });

  test("in a browser that began another journey: neither of them is used", async () => {
    const [attacker, victim] = [new Visitor(), new Visitor()];
    await victim.begin();
    const own = services.created.at(-1)?.state;
    await attacker.begin();
    const answer = await victim.back(services.created.at(-1)?.state);
    expect([answer.status, answer.state]).toEqual([403, "rp-refused-other-browser"]);
    expect(services.resolved).toEqual([]);
    expect((await victim.back(own)).location).toBe("/recovery/password");
  });

  test("of an earlier journey of the same browser", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    const earlier = services.created.at(-1)?.state;
    await visitor.begin();
    expect((await visitor.back(earlier)).state).toBe("rp-refused-other-browser");
  });

  test("with the cookie of an earlier journey", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    const copy = new Visitor();
    copy.cookies = new Map(visitor.cookies);
    const earlier = services.created.at(-1)?.state;
    await visitor.begin();
    expect((await copy.back(earlier)).state).toBe("rp-refused-nothing-begun");
  });

  test.each([
    ["no state", `?code=${CODE}`],
    ["two states", `?state=a&state=b&code=${CODE}`],
    ["a state that is too long", `?state=${"x".repeat(2_000)}&code=${CODE}`],
    ["nothing", ""],
  ])("with %s", async (_name, query) => {
    const visitor = new Visitor();
    await visitor.begin();
    expect((await visitor.send(RETURN_URI + query)).state).toBe("rp-refused-other-browser");
    expect(services.resolved).toEqual([]);
  });

  test.each(["", "x", `${CODE}AAAA`])("with the code %j, which is none", async (code) => {
    const visitor = new Visitor();
    await visitor.begin();
    expect((await visitor.back(undefined, code)).state).toBe("rp-refused-code-used");
    expect(services.resolved).toEqual([]);
  });

  test("after half an hour", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    now += 30 * 60_000;
    expect((await visitor.back()).state).toBe("rp-refused-nothing-begun");
  });

  test("that is no valid verdict", async () => {
    services.verdict = VerdictStatus.INDETERMINATE;
    const visitor = new Visitor();
    await visitor.begin();
    expect((await visitor.back()).state).toBe("rp-refused-trouble");
    expect((await visitor.send("/recovery/password")).location).toBe("/recovery");
  });

  test("of another act", async () => {
    services.act = Act.LINK;
    const visitor = new Visitor();
    await visitor.begin();
    expect((await visitor.back()).state).toBe("rp-refused-trouble");
  });

  test.each<[string, Code, Refused, Record<string, string>?]>([
    ["RESULT_CODE_INVALID", Code.NotFound, "CODE_USED"],
    ["SESSION_ALREADY_USED", Code.FailedPrecondition, "CODE_USED"],
    ["SESSION_EXPIRED", Code.FailedPrecondition, "CODE_USED"],
    ["WRONG_STATE", Code.FailedPrecondition, "CANCELLED", { state: "CANCELLED" }],
    ["WRONG_STATE", Code.FailedPrecondition, "CODE_USED", { state: "EXPIRED" }],
    ["LINK_NOT_FOUND", Code.NotFound, "NO_LINK"],
    ["CROSS_DEVICE_SUSPENDED", Code.FailedPrecondition, "CROSS_DEVICE_SUSPENDED"],
    ["RELYING_PARTY_MISMATCH", Code.PermissionDenied, "TROUBLE"],
    ["OVERLOADED", Code.ResourceExhausted, "TOO_MANY"],
    ["INTERNAL", Code.Internal, "TROUBLE"],
  ])("by %s: its page says what to do", async (reason, code, refused, metadata = {}) => {
    const visitor = new Visitor();
    await visitor.begin();
    services.refuse = { code, reason, metadata };
    const answer = await visitor.back();
    expect(answer.state).toBe(`rp-refused-${refused.toLowerCase().replaceAll("_", "-")}`);
    expect(answer.body).toContain(WORDS.ja.refusals[refused].text);
    expect(answer.body).toMatch(/class="button button-main"/);
    services.refuse = undefined;
    expect((await visitor.send("/recovery/password")).location).toBe("/recovery");
  });
});

describe("attacks", () => {
  test.each([
    ["another site", { origin: "https://evil.example" }],
    ["a page without an origin", { origin: "null" }],
    ["a sister site", { origin: ORIGIN, "sec-fetch-site": "same-site" }],
  ])("a press on %s begins nothing", async (_name, headers) => {
    const answer = await new Visitor().send("/recovery", {}, headers);
    expect(answer.status).toBe(403);
    expect(services.created).toEqual([]);
  });

  test("a return that is fetched ahead uses nothing", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    const query = new URLSearchParams({ state: services.created.at(-1)?.state ?? "", code: CODE });
    const ahead = await visitor.send(`${RETURN_URI}?${query.toString()}`, undefined, {
      "sec-purpose": "prefetch;prerender",
    });
    expect(ahead.status).toBe(503);
    expect(services.resolved).toEqual([]);
  });

  test("a start page elsewhere is not gone to", async () => {
    services.startUrl = "https://evil.example/start#s=a.b";
    const answer = await new Visitor().begin();
    expect([answer.location, answer.state]).toEqual([undefined, "rp-refused-trouble"]);
  });

  test("the cookie is for this host, script-free, and new with each journey", async () => {
    const visitor = new Visitor();
    const cookie = String((await visitor.begin()).headers["set-cookie"]);
    expect(cookie).toMatch(/^__Host-mihon_recovery=[\w-]{43}; /);
    for (const attribute of ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=1800"]) {
      expect(cookie).toContain(`; ${attribute}`);
    }
    expect(String((await visitor.begin()).headers["set-cookie"])).not.toBe(cookie);
  });

  test("what an address says is text on the page", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    services.refuse = { code: Code.Unavailable, reason: "UNAVAILABLE" };
    const state = services.created.at(-1)?.state ?? "";
    const hostile = encodeURIComponent(`"><script>alert(1)</script>`);
    const answer = await visitor.send(`${RETURN_URI}?state=${state}&code=${CODE}&x=${hostile}`);
    expect(answer.body).not.toContain("<script");
    expect(answer.body).toContain("/recovery/return?state=");
  });

  test("no page lets script run, be framed, or tells others its address", async () => {
    const { headers, body } = await new Visitor().send("/recovery");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain(`form-action 'self' ${TIER}`);
    expect(policy).not.toContain("unsafe");
    expect(headers["referrer-policy"]).toBe("same-origin");
    expect(headers["cache-control"]).toBe("no-store");
    expect(body).not.toMatch(/<script|\son\w+=|\sstyle=/i);
  });
});

describe("another site's server", () => {
  test("is told the links of the account that was found, and no name is asked for", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    await visitor.back();
    const answer = await visitor.send("/recovery/links");
    expect(answer.state).toBe("rp-links");
    expect(answer.body).toContain(WORDS.ja.links.active);
    expect(answer.body).toContain("2026年11月27日");
    expect(answer.body).toContain(WORDS.ja.links.events.CREATED);
    const [links, events] = services.listed;
    expect(links).toMatchObject({ account: ACCOUNT, includeEnded: true, includeName: false });
    expect(events?.account).toMatchObject(ACCOUNT);
  });

  test("shows nothing to a browser that has proven nothing", async () => {
    const visitor = new Visitor();
    expect((await visitor.send("/recovery/links")).state).toBe("rp-refused-nothing-begun");
    await visitor.begin();
    expect((await visitor.send("/recovery/links")).state).toBe("rp-refused-nothing-begun");
    expect(services.listed).toEqual([]);
  });
});

describe("words", () => {
  test("the language is chosen once, and kept", async () => {
    const visitor = new Visitor();
    expect((await visitor.send("/recovery")).body).toContain('<html lang="ja">');
    expect((await visitor.send("/recovery?lang=en")).body).toContain('<html lang="en">');
    expect((await visitor.send("/recovery")).body).toContain("Forgot your password?");
    await visitor.begin();
    expect(services.created[0]?.locale).toBe("en");
    expect((await visitor.send("/recovery?lang=%3Cscript%3E")).body).not.toContain("<script");
  });

  test("the switch of a refusal leads to the same refusal", async () => {
    const visitor = new Visitor();
    await visitor.begin();
    const refused = await visitor.back("another-state");
    const [, href = ""] = /<a\s+href="([^"]*)"\s+lang="en"/.exec(refused.body) ?? [];
    const shown = await visitor.send(href.replaceAll("&amp;", "&"));
    expect(shown.state).toBe("rp-refused-other-browser");
    expect(shown.body).toContain(WORDS.en.refusals.OTHER_BROWSER.title);
  });

  test.each(["/help", "/policy", "/terms"])("%s is a page", async (path) => {
    expect((await new Visitor().send(path)).state).toBe(`rp-${path.slice(1)}`);
  });

  test("what is not there has a page, and the first address leads to the start", async () => {
    expect((await new Visitor().send("/nothing")).state).toBe("rp-refused-not-found");
    expect((await new Visitor().send("/")).location).toBe("/recovery");
  });
});

test.each([
  ["shiken-001", "sh***"],
  ["a", "***"],
  ["", "***"],
])("the account %j is shown as %s", (subject, shown) => {
  expect(masked(subject)).toBe(shown);
});
