// Attacks that need no browser: forged headers, other hosts, other origins, parameters that name a URL.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { APP_RPC, BROWSER_RPC, ENDPOINTS, PAGES } from "../../shared/routes.ts";
import { Hands, requestId } from "../lib/hands.ts";
import { journey } from "../lib/journey.ts";
import { type Answered, type Asked, reasonOf, Wire } from "../lib/wire.ts";
import type { Cast } from "../lib/cast.ts";

const HTML = "text/html,application/xhtml+xml";
const CREATE = `${BROWSER_RPC}/musubi.v1.SessionService/CreateSession`;
const CLAIM = `${APP_RPC}/musubi.v1.PairingService/ClaimQr`;

async function wired(cast: Cast, play: (wire: Wire) => Promise<void>): Promise<void> {
  const wire = new Wire(cast.stage.origins.tier);
  try {
    await play(wire);
  } finally {
    wire.close();
  }
}

/** A POST as the tier's own page sends it. */
function own(tier: string, to: string, body: unknown, headers: Asked["headers"] = {}): Asked {
  return {
    method: "POST",
    path: to,
    headers: {
      "content-type": "application/json",
      origin: tier,
      "sec-fetch-site": "same-origin",
      ...headers,
    },
    body: JSON.stringify(body),
  };
}

function has(answer: Answered, name: string, value: string | RegExp, what: string): void {
  const found = answer.headers[name] ?? "";
  const fits = typeof value === "string" ? found === value : value.test(found);
  assert.ok(fits, `${what}: ${name} is "${found}"`);
}

journey("attack: no route, error or file is without its headers", async (cast) => {
  const { tier } = cast.stage.origins;
  const assets = readdirSync(path.join(import.meta.dirname, "../../dist/app/assets"));
  const html = { accept: HTML };
  const asked: [Asked, number][] = [
    ...Object.values(PAGES).map((page): [Asked, number] => [{ path: page, headers: html }, 200]),
    // What is compressed has no address of its own.
    ...assets.map((name): [Asked, number] => [
      { path: `/assets/${name}` },
      /\.(br|gz)$/.test(name) ? 404 : 200,
    ]),
    [{ path: "/mark.svg" }, 200],
    [{ path: "/error.css" }, 200],
    [{ path: "/mark.svg", method: "HEAD" }, 200],
    [{ path: ENDPOINTS.config }, 200],
    [{ path: ENDPOINTS.state }, 200],
    [{ path: ENDPOINTS.callback }, 303],
    [{ path: ENDPOINTS.result }, 303],
    [{ path: ENDPOINTS.callback, headers: { "sec-purpose": "prefetch" } }, 503],
    [{ path: "/nothing", headers: html }, 404],
    [{ path: "/nothing" }, 404],
    [{ path: "/index.html", headers: html }, 404],
    [{ path: "/.vite/manifest.json" }, 404],
    [{ path: "/assets/", headers: html }, 404],
    [{ path: "/%00", headers: html }, 404],
    [{ path: "/assets/..%2f..%2fpackage.json", headers: html }, 404],
    [{ path: "/", method: "POST", headers: html, body: "" }, 404],
    [{ path: ENDPOINTS.signIn, headers: html }, 404],
    [{ path: ENDPOINTS.signIn, method: "POST", headers: html, body: "{}" }, 403],
    [own(tier, ENDPOINTS.signIn, {}), 400],
    [{ ...own(tier, ENDPOINTS.signIn, {}), body: "{" }, 400],
    [own(tier, ENDPOINTS.signIn, "x".repeat(70_000)), 413],
    [own(tier, ENDPOINTS.signOut, {}), 204],
    [{ path: "/", headers: { ...html, ":authority": "evil.example" } }, 421],
    [own(tier, CREATE, {}), 401],
    [{ path: CREATE }, 405],
    [own(tier, `${BROWSER_RPC}/musubi.v1.LinkService/ResolveLink`, {}), 501],
    [{ path: CLAIM, method: "OPTIONS", headers: { origin: "https://evil.example" } }, 204],
  ];
  await wired(cast, async (wire) => {
    for (const [ask, status] of asked) {
      const answer = await wire.ask(ask);
      const what = `${ask.method ?? "GET"} ${ask.path}`;
      assert.equal(answer.status, status, `${what}: ${answer.body.slice(0, 200)}`);
      has(answer, "content-security-policy", /^default-src 'none';/, what);
      has(answer, "content-security-policy", /frame-ancestors 'none'/, what);
      has(answer, "content-security-policy", /base-uri 'none'/, what);
      has(answer, "content-security-policy", /form-action 'self'/, what);
      assert.doesNotMatch(answer.headers["content-security-policy"] ?? "", /unsafe|\*|https?:/, what);
      has(answer, "strict-transport-security", "max-age=31536000", what);
      has(answer, "x-content-type-options", "nosniff", what);
      has(answer, "referrer-policy", "no-referrer", what);
      has(answer, "x-frame-options", "DENY", what);
      has(answer, "permissions-policy", /camera=\(\).*geolocation=\(\)/, what);
      has(answer, "cross-origin-opener-policy", "same-origin", what);
      has(answer, "cross-origin-resource-policy", "same-origin", what);
      assert.ok(answer.headers["x-request-id"], what);
      assert.equal(answer.headers["server"], undefined, what);
      assert.equal(answer.headers["x-powered-by"], undefined, what);
      // What is personal or a page of a moment is in no cache; a person never sees a bare machine's text.
      if (!/^\/(assets\/.*\.|mark|error|config)/.test(ask.path) && !ask.path.startsWith("/rpc")) {
        has(answer, "cache-control", "no-store", what);
      }
      if (ask.headers?.["accept"] === HTML) {
        has(answer, "content-type", "text/html; charset=utf-8", what);
        if (status >= 400)
          assert.match(answer.body, /<a href="[^"]+">最初のページへ進む|正しいアドレスを開く/, what);
      }
    }
  });
});

journey("attack: another origin, another host, no origin: no call does anything", async (cast) => {
  const { tier, app, account } = cast.stage.origins;
  const { port } = new URL(tier);
  const victim = await cast.person("pc", "ja");
  const hands = new Hands(victim.page, cast.stage);
  await hands.signIn();
  const sessionId = await hands.open();
  const before = await hands.standing();
  const opened = await cast.stage.musubid.sessionsOpened();
  const cookie = (await victim.context.cookies(tier)).map(({ name, value }) => `${name}=${value}`).join("; ");

  // With the victim's own cookies, as if SameSite did not exist.
  const strangers: Asked["headers"][] = [
    { origin: "https://evil.example" },
    { origin: account },
    { origin: app },
    { origin: "null" },
    { origin: tier.replace("https:", "http:") },
    { origin: `https://link.localhost` },
    { origin: `https://link.localhost.evil.example:${port}` },
    { origin: `https://evil.link.localhost:${port}` },
    { origin: `${tier}/` },
    { origin: tier.toUpperCase() },
    { origin: `${tier}, https://evil.example` },
    { origin: undefined },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "none" },
  ];
  const deeds: [string, unknown][] = [
    [ENDPOINTS.leave, {}],
    [ENDPOINTS.signOut, {}],
    [ENDPOINTS.signIn, { purpose: "LINK", locale: "ja" }],
    [CREATE, { requestId: requestId(), act: "ACT_LINK", locale: "ja" }],
    [
      `${BROWSER_RPC}/musubi.v1.SessionService/CancelSession`,
      { sessionId, requestId: requestId(), reason: 1 },
    ],
    [`${BROWSER_RPC}/musubi.v1.SessionService/GetSession`, { sessionId }],
    [`${BROWSER_RPC}/musubi.v1.PairingService/CreateHandoff`, { sessionId, requestId: requestId() }],
    [`${BROWSER_RPC}/musubi.v1.LinkService/ListLinks`, {}],
  ];
  await wired(cast, async (wire) => {
    for (const stranger of strangers) {
      for (const [to, body] of deeds) {
        const answer = await wire.ask(own(tier, to, body, { cookie, ...stranger }));
        const what = `${to} from ${JSON.stringify(stranger)}`;
        assert.equal(answer.status, 403, what);
        assert.equal(reasonOf(answer.body), "CROSS_SITE", what);
        assert.deepEqual(answer.setCookie, [], what);
      }
    }
    for (const authority of [
      "evil.example",
      `localhost:${port}`,
      `evil.link.localhost:${port}`,
      `127.0.0.1:${port}`,
    ]) {
      for (const [to, body] of deeds) {
        const answer = await wire.ask(own(tier, to, body, { cookie, ":authority": authority }));
        assert.equal(answer.status, 421, `${to} at ${authority}`);
        assert.deepEqual(answer.setCookie, []);
      }
    }
  });
  assert.deepEqual(await hands.standing(), before);
  assert.equal(await cast.stage.musubid.sessionsOpened(), opened);
});

journey("attack: no cookie, a damaged one, or that of another session", async (cast) => {
  const { tier } = cast.stage.origins;
  const victim = new Hands((await cast.person("pc", "ja")).page, cast.stage);
  await victim.signIn();
  const theirs = await victim.open();
  const attackerPerson = await cast.person("pc", "en");
  const attacker = new Hands(attackerPerson.page, cast.stage);
  await attacker.signIn("shiken-002");
  await attacker.open();
  const before = await victim.standing();
  const cookies = await attackerPerson.context.cookies(tier);
  const value = (name: string) => cookies.find((cookie) => cookie.name === name)?.value ?? "";
  const session = value("__Host-musubi_session");
  const flipped = session.replace(/.{9}$/, (end) =>
    end.startsWith("A") ? `B${end.slice(1)}` : `A${end.slice(1)}`,
  );
  const forged: [string, string][] = [
    ["", "NO_SESSION"],
    [`__Host-musubi_session=`, "NO_SESSION"],
    [`__Host-musubi_session=${flipped}`, "NO_SESSION"],
    // A value sealed for another name, a name without its prefix, the session in plain.
    [`__Host-musubi_session=${value("__Host-musubi_signin")}`, "NO_SESSION"],
    [`musubi_session=${session}`, "NO_SESSION"],
    [`__Host-musubi_session={"id":"${theirs}"}`, "NO_SESSION"],
    [`__Host-musubi_session=${session}`, "SESSION_REPLACED"],
  ];
  const calls: [string, object][] = [
    ["SessionService/GetSession", { sessionId: theirs }],
    ["SessionService/CancelSession", { sessionId: theirs, requestId: requestId(), reason: 1 }],
    ["SessionService/BindAccount", { sessionId: theirs, requestId: requestId() }],
    ["PairingService/GetQrFrame", { sessionId: theirs }],
    ["PairingService/RefreshQr", { sessionId: theirs, requestId: requestId() }],
    ["PairingService/ConfirmCode", { sessionId: theirs, requestId: requestId(), pairingCode: "000000" }],
    ["PairingService/CreateHandoff", { sessionId: theirs, requestId: requestId() }],
    ["PairingService/CompleteReturn", { sessionId: theirs, requestId: requestId() }],
    ["LinkService/CreateLink", { sessionId: theirs, requestId: requestId() }],
    ["LinkService/DeleteLink", { sessionId: theirs, requestId: requestId() }],
  ];
  const signIn = `__Host-musubi_signin=${value("__Host-musubi_signin")}`;
  await wired(cast, async (wire) => {
    for (const [cookie, reason] of forged) {
      for (const [method, body] of calls) {
        const headers = { cookie: `${cookie}; ${signIn}` };
        const answer = await wire.ask(own(tier, `${BROWSER_RPC}/musubi.v1.${method}`, body, headers));
        assert.equal(reasonOf(answer.body), reason, `${method} with "${cookie.slice(0, 40)}"`);
        assert.deepEqual(answer.setCookie, []);
      }
    }
  });
  assert.deepEqual(await victim.standing(), before);
});

journey("attack: a browser names account, relying party, flow or sign-in itself", async (cast) => {
  const person = await cast.person("pc", "ja");
  const hands = new Hands(person.page, cast.stage);
  await hands.signIn();
  const before = await hands.standing();
  const other = { issuer: hands.idp, subject: "shiken-002", maskedHint: "sh***" };
  const signIn = { issuer: hands.idp, subject: "shiken-002", acr: "urn:example:acr:mfa" };
  const sessionId = Buffer.alloc(16, 7).toString("base64");
  const create = { requestId: requestId(), act: "ACT_LINK", locale: "ja" };
  const forged: [string, object, string][] = [
    ["SessionService/CreateSession", { ...create, relyingPartyId: "mihon-library" }, "relying_party_id"],
    ["SessionService/CreateSession", { ...create, flowPolicy: "FLOW_POLICY_ONE_DEVICE_ONLY" }, "flow_policy"],
    ["SessionService/CreateSession", { ...create, clientContext: { browser: "Safari" } }, "client_context"],
    ["SessionService/CreateSession", { ...create, account: other }, "account"],
    ["SessionService/CreateSession", { ...create, state: "x" }, "state"],
    ["SessionService/CreateSession", { ...create, returnUri: "https://evil.example/" }, "return_uri"],
    ["SessionService/CreateSession", { ...create, clientNetwork: "192.0.2.0/24" }, "client_network"],
    ["SessionService/BindAccount", { sessionId, requestId: requestId(), account: other }, "account"],
    ["LinkService/CreateLink", { sessionId, requestId: requestId(), signIn }, "sign_in"],
    ["LinkService/DeleteLink", { sessionId, requestId: requestId(), signIn }, "sign_in"],
    ["LinkService/GetLink", { linkId: sessionId, account: other }, "account"],
    ["LinkService/ListLinks", { account: other }, "account"],
    ["LinkService/ListLinkEvents", { linkId: sessionId, account: other }, "account"],
  ];
  for (const [method, message, field] of forged) {
    const { reason, json } = await hands.call(method, message);
    assert.equal(reason, "FIELD_NOT_ALLOWED", `${method} ${field}: ${JSON.stringify(json)}`);
    const details = json["details"] as { value: string }[];
    const info = Buffer.from(details[0]?.value ?? "", "base64").toString("latin1");
    assert.ok(info.includes(field), `${method} names ${field}`);
  }
  for (const method of [
    "LinkService/ResolveLink",
    "ValidationService/ValidateCertificate",
    "PairingService/ClaimQr",
  ]) {
    assert.ok((await hands.call(method, {})).status >= 400, method);
  }
  assert.deepEqual(await hands.standing(), before);
});

journey("attack: the app's calls from a page that is not the app", async (cast) => {
  const { app, tier, account } = cast.stage.origins;
  const preflight = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
  };
  await wired(cast, async (wire) => {
    for (const origin of [
      "https://evil.example",
      tier,
      account,
      "null",
      `${app}.evil.example`,
      app.replace("https", "http"),
      `${app}/`,
    ]) {
      const ahead = await wire.ask({ method: "OPTIONS", path: CLAIM, headers: { origin, ...preflight } });
      assert.equal(ahead.headers["access-control-allow-origin"], undefined, origin);
      assert.equal(ahead.headers["access-control-allow-headers"], undefined, origin);
      const simple = await wire.ask({
        method: "POST",
        path: CLAIM,
        headers: { origin, "content-type": "application/json" },
        body: "{}",
      });
      assert.equal(reasonOf(simple.body), "CROSS_SITE", origin);
      assert.equal(simple.headers["access-control-allow-origin"], undefined, origin);
    }
    // No Origin, but a browser.
    for (const site of ["cross-site", "same-origin", "none"]) {
      const headers = { "sec-fetch-site": site, "content-type": "application/json" };
      const answer = await wire.ask({ method: "POST", path: CLAIM, headers, body: "{}" });
      assert.equal(reasonOf(answer.body), "CROSS_SITE", site);
    }
    // The app itself may, but never with cookies.
    const allowed = await wire.ask({
      method: "OPTIONS",
      path: CLAIM,
      headers: { origin: app, ...preflight },
    });
    assert.equal(allowed.headers["access-control-allow-origin"], app);
    assert.equal(allowed.headers["access-control-allow-credentials"], undefined);
    // A page's calls are not there for the app, nor for any origin.
    const page = await wire.ask({ method: "OPTIONS", path: CREATE, headers: { origin: app, ...preflight } });
    assert.equal(page.headers["access-control-allow-origin"], undefined);
  });
});

journey("attack: no parameter of an address leads to another site", async (cast) => {
  const { tier } = cast.stage.origins;
  const to = "https://evil.example/";
  const names = [
    ...[
      "url",
      "next",
      "return",
      "return_uri",
      "return_to",
      "returnUri",
      "redirect",
      "redirect_uri",
      "redirect_url",
    ],
    ...[
      "continue",
      "target",
      "goto",
      "iss",
      "state",
      "code",
      "error",
      "error_uri",
      "error_description",
      "rd",
      "u",
      "to",
    ],
  ];
  const query = names.map((name) => `${name}=${encodeURIComponent(to)}`).join("&");
  await wired(cast, async (wire) => {
    for (const page of [
      ...Object.values(PAGES),
      ENDPOINTS.callback,
      ENDPOINTS.result,
      ENDPOINTS.signIn,
      ENDPOINTS.leave,
    ]) {
      for (const path of [
        `${page}?${query}`,
        `${page}//evil.example/?${query}`,
        `${page}/%2f%2fevil.example`,
        `/${page}/evil.example`,
        `${page};${to}`,
      ]) {
        const answer = await wire.ask({
          path,
          headers: { accept: HTML, "x-forwarded-host": "evil.example", "x-original-url": to },
        });
        const { location } = answer.headers;
        if (location !== undefined) {
          assert.equal(new URL(location, tier).origin, tier, `${path} leads to ${location}`);
          assert.doesNotMatch(location, /evil/, path);
        }
        assert.doesNotMatch(answer.body, /evil\.example/, path);
      }
    }
  });
});

journey("attack: the log of the tier holds no query, code, cookie or name", async (cast) => {
  const person = await cast.person("pc", "ja");
  const hands = new Hands(person.page, cast.stage);
  await hands.signIn();
  await hands.open();
  await hands.page.goto(
    `${cast.stage.origins.tier}/callback?code=DO-NOT-LOG-1&state=DO-NOT-LOG-2#DO-NOT-LOG-3`,
  );
  const log = readFileSync(cast.stage.world.file("tier.log"), "utf8")
    .split("\n")
    .filter((line) => !line.includes('"Server listening at'))
    .join("\n");
  const secrets = (await person.context.cookies(cast.stage.origins.tier)).map(({ value }) => value);
  for (const secret of ["DO-NOT-LOG", "shiken-001", "試験", "127.0.0.1", "Bearer", ...secrets]) {
    assert.ok(!log.includes(secret), `${secret.slice(0, 20)} is in the log`);
  }
});
