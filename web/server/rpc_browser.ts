// Calls of pages, with what the browser's cookies say. The credential never reaches a script, and a script
// names neither account nor relying party nor itself: the tier fills these in, and refuses a request that
// sets one.
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { CallOptions, ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { Act, FlowPolicy, SessionState } from "../gen/musubi/v1/common_pb.ts";
import { LinkService } from "../gen/musubi/v1/link_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import type { BrowserState } from "../shared/page.ts";
import { callFacts, networkOf, servicesCall } from "./calls.ts";
import { RESULT_LIFETIME_MS, type SessionCookie, type SignInCookie } from "./cookies.ts";
import { clientContext } from "./peer.ts";
import { refusal } from "./refusals.ts";
import { cancelQuietly } from "./sessions.ts";
import type { Tier } from "./tier.ts";

type ActName = NonNullable<BrowserState["session"]>["act"];

const base64url = (octets: Uint8Array): string => Buffer.from(octets).toString("base64url");

function actName(act: Act): ActName {
  switch (act) {
    case Act.LINK:
      return "LINK";
    case Act.UNLINK:
      return "UNLINK";
    case Act.VERIFY:
      return "VERIFY";
    case Act.REPLACE:
      return "REPLACE";
    default:
      throw refusal("FIELD_INVALID", { field: "act" });
  }
}

/** Refuses a request that sets what the tier fills in. */
function onlyTheTierSets(fields: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined && value !== "" && value !== 0) throw refusal("FIELD_NOT_ALLOWED", { field });
  }
}

/** What the handlers of one router share. */
class Browser {
  readonly tier: Tier;
  readonly #unaryMs: number;

  constructor(tier: Tier) {
    this.tier = tier;
    this.#unaryMs = tier.config.limits.unary_seconds * 1_000;
  }

  /** The session of this browser, which must be the one that the page speaks of. */
  session(context: HandlerContext, sessionId: Uint8Array): { value: SessionCookie; expiresAt: number } {
    const cookie = this.tier.cookies.read("session", context.requestHeader.get("cookie"));
    if (cookie === undefined) throw refusal("NO_SESSION");
    if (cookie.value.id !== base64url(sessionId)) throw refusal("SESSION_REPLACED");
    return cookie;
  }

  signedIn(context: HandlerContext): SignInCookie {
    const cookie = this.tier.cookies.read("signIn", context.requestHeader.get("cookie"));
    if (cookie === undefined) throw refusal("NOT_SIGNED_IN");
    return cookie.value;
  }

  /** Of a sign-in that the person was asked for: one of earlier, elsewhere, may look but change nothing.
   *  How long ago it may be, and how strong, the services judge. */
  signedInForAct(context: HandlerContext): SignInCookie {
    const signIn = this.signedIn(context);
    if (!signIn.fresh) throw refusal("SIGN_IN_TOO_OLD");
    return signIn;
  }

  /** Options of a call that no browser's credential goes with. */
  plain(context: HandlerContext): CallOptions {
    return servicesCall(context, this.#unaryMs, undefined);
  }

  /** Options of a call in the name of the browser's session. */
  own(context: HandlerContext, sessionId: Uint8Array): CallOptions {
    return servicesCall(context, this.#unaryMs, this.session(context, sessionId).value.credential);
  }

  setCookie(context: HandlerContext, cookie: string): void {
    context.responseHeader.append("set-cookie", cookie);
  }

  /** Puts the new credential in the place of the old one. */
  replaceCredential(
    context: HandlerContext,
    cookie: { value: SessionCookie; expiresAt: number },
    credential: Uint8Array,
  ): void {
    const value = { ...cookie.value, credential: base64url(credential), returned: true };
    this.setCookie(context, this.tier.cookies.set("session", value, cookie.expiresAt));
  }

  /** A live stream of the browser's session. */
  stream<T>(
    context: HandlerContext,
    sessionId: Uint8Array,
    heartbeat: boolean,
    open: (options: CallOptions) => AsyncIterable<T>,
  ): AsyncIterable<T> {
    const { value } = this.session(context, sessionId);
    const { limits } = this.tier.config;
    return this.tier.streams.run({
      owner: `browser ${value.id}`,
      signal: context.signal,
      hangUp: context.values.get(callFacts).hangUp,
      ...(heartbeat ? { heartbeatMs: limits.heartbeat_seconds * 1_000 } : {}),
      open: (signal) => open(servicesCall(context, limits.stream_seconds * 1_000, value.credential, signal)),
    });
  }
}

function accountOf(signIn: SignInCookie): { issuer: string; subject: string } {
  return { issuer: signIn.issuer, subject: signIn.subject };
}

function signInOf(signIn: SignInCookie): {
  issuer: string;
  subject: string;
  authTime: ReturnType<typeof timestampFromMs>;
  acr: string;
} {
  return { ...accountOf(signIn), authTime: timestampFromMs(signIn.authTime * 1_000), acr: signIn.acr };
}

/** Exactly what a page may call. */
export function browserRoutes(router: ConnectRouter, tier: Tier): void {
  const browser = new Browser(tier);
  sessionRoutes(router, browser);
  pairingRoutes(router, browser);
  linkRoutes(router, browser);
}

function sessionRoutes(router: ConnectRouter, browser: Browser): void {
  const { config, cookies, services } = browser.tier;
  router.service(SessionService, {
    getSession: (request, context) =>
      services.session.getSession(request, browser.own(context, request.sessionId)),
    watchSession: (request, context) =>
      browser.stream(context, request.sessionId, true, (options) =>
        services.session.watchSession(request, options),
      ),
    cancelSession: (request, context) =>
      services.session.cancelSession(request, browser.own(context, request.sessionId)),

    async createSession(request, context) {
      const { requestId, act, locale, relyingPartyId, flowPolicy, account, state, returnUri, clientNetwork } =
        request;
      onlyTheTierSets({
        relying_party_id: relyingPartyId,
        flow_policy: flowPolicy,
        client_context: request.clientContext,
        account,
        state,
        return_uri: returnUri,
        client_network: clientNetwork,
      });
      const cookie = context.requestHeader.get("cookie");
      const signIn = cookies.read("signIn", cookie)?.value;
      if (signIn === undefined && config.first_step === "ACCOUNT") throw refusal("NOT_SIGNED_IN");
      const before = cookies.read("session", cookie)?.value;
      const response = await services.session.createSession(
        {
          requestId,
          act,
          locale,
          relyingPartyId: config.relying_party_id,
          flowPolicy: FlowPolicy.ANY,
          clientContext: clientContext((name) => context.requestHeader.get(name) ?? undefined),
          clientNetwork: networkOf(context),
          ...(signIn === undefined ? {} : { account: { ...accountOf(signIn), maskedHint: signIn.hint } }),
        },
        browser.plain(context),
      );
      if (response.entry.case !== "browserCredential" || response.expiresAt === undefined)
        throw refusal("INTERNAL");
      const id = base64url(response.sessionId);
      browser.setCookie(
        context,
        cookies.set(
          "session",
          { id, credential: base64url(response.entry.value), act: actName(act), returned: false },
          timestampMs(response.expiresAt),
        ),
      );
      // The newest tab wins: what the older one shows must not be scanned any more.
      if (before !== undefined && before.id !== id) void cancelQuietly(browser.tier, before);
      return { sessionId: response.sessionId, expiresAt: response.expiresAt };
    },

    async claimStart(request, context) {
      const { requestId, sessionId, startCode } = request;
      const response = await services.session.claimStart(
        { requestId, sessionId, startCode },
        browser.plain(context),
      );
      if (response.expiresAt === undefined) throw refusal("INTERNAL");
      const value = {
        id: base64url(sessionId),
        credential: base64url(response.browserCredential),
        act: actName(response.act),
        returned: false,
      };
      browser.setCookie(context, cookies.set("session", value, timestampMs(response.expiresAt)));
      const before = cookies.read("session", context.requestHeader.get("cookie"))?.value;
      if (before !== undefined && before.id !== value.id) void cancelQuietly(browser.tier, before);
      return { act: response.act, expiresAt: response.expiresAt };
    },

    async bindAccount(request, context) {
      onlyTheTierSets({ account: request.account });
      const { sessionId, requestId } = request;
      const cookie = browser.session(context, sessionId);
      const signIn = browser.signedIn(context);
      const response = await services.session.bindAccount(
        { sessionId, requestId, account: { ...accountOf(signIn), maskedHint: signIn.hint } },
        browser.own(context, sessionId),
      );
      browser.replaceCredential(context, cookie, response.browserCredential);
      return {};
    },
  });
}

function pairingRoutes(router: ConnectRouter, browser: Browser): void {
  const { cookies, services } = browser.tier;
  const { pairing } = services;
  router.service(PairingService, {
    getQrFrame: (request, context) => pairing.getQrFrame(request, browser.own(context, request.sessionId)),
    watchQrFrames: (request, context) =>
      browser.stream(context, request.sessionId, false, (options) => pairing.watchQrFrames(request, options)),
    refreshQr: (request, context) => pairing.refreshQr(request, browser.own(context, request.sessionId)),
    confirmCode: (request, context) => pairing.confirmCode(request, browser.own(context, request.sessionId)),
    createHandoff: (request, context) =>
      pairing.createHandoff(request, browser.own(context, request.sessionId)),

    async completeReturn(request, context) {
      const { sessionId, requestId, returnCode } = request;
      const cookie = cookies.read("session", context.requestHeader.get("cookie"));
      // With a return code the page's session id comes from a link that may have gone anywhere.
      if (returnCode.length > 0 && cookie?.value.id !== base64url(sessionId)) {
        throw refusal("RETURN_IN_OTHER_BROWSER");
      }
      const own = browser.session(context, sessionId);
      const response = await pairing.completeReturn(
        { sessionId, requestId, returnCode },
        browser.own(context, sessionId),
      );
      browser.replaceCredential(context, own, response.browserCredential);
      const { state, verify } = response;
      if (verify === undefined) return { state };
      const { returnUri, state: callersState, resultCode, expiresAt } = verify;
      const until = browser.tier.clock.now() + RESULT_LIFETIME_MS;
      browser.setCookie(
        context,
        cookies.set(
          "result",
          { returnUri, state: callersState, code: base64url(resultCode) },
          expiresAt === undefined ? until : Math.min(until, timestampMs(expiresAt)),
        ),
      );
      return { state, verify: expiresAt === undefined ? {} : { expiresAt } };
    },
  });
}

function linkRoutes(router: ConnectRouter, browser: Browser): void {
  const { link } = browser.tier.services;

  /** The session whose outcome is to be used must be this browser's, and live: LinkService asks for no
   *  credential. Its credential is the one that was made after the card's proof.
   *
   *  That who opens the page anew in READY signs in anew is the page's rule, and not one of ours: we see
   *  cookies alone, and those of the document that was there all along are those of the next one. A secret
   *  of the document would have to outlive a reload where an answer was lost, so it would lie in the tab's
   *  storage, where the next document finds it; and a sign-in that must be younger than the return would ask
   *  those who never left to sign in twice. Who can make calls by hand in this browser has the open page,
   *  too. What holds whatever a page does: a sign-in that the person was asked for, at most 10 minutes old
   *  (the services), of the account that is bound, and the 5 minutes of READY. */
  const entitled = async (context: HandlerContext, sessionId: Uint8Array): Promise<void> => {
    const cookie = browser.session(context, sessionId);
    if (!cookie.value.returned) throw refusal("WRONG_STATE", { state: "READY", first: "CompleteReturn" });
    const { session } = await browser.tier.services.session.getSession(
      { sessionId },
      browser.own(context, sessionId),
    );
    if (session?.state === SessionState.EXPIRED) throw refusal("SESSION_EXPIRED");
    if (session?.state !== SessionState.READY && session?.state !== SessionState.USED) {
      throw refusal("WRONG_STATE", { state: stateName(session?.state) });
    }
  };

  router.service(LinkService, {
    async createLink(request, context) {
      onlyTheTierSets({ sign_in: request.signIn });
      const { sessionId, requestId } = request;
      const signIn = signInOf(browser.signedInForAct(context));
      await entitled(context, sessionId);
      return link.createLink({ sessionId, requestId, signIn }, browser.plain(context));
    },
    async deleteLink(request, context) {
      onlyTheTierSets({ sign_in: request.signIn });
      const { target, requestId } = request;
      const signIn = signInOf(browser.signedInForAct(context));
      if (target.case === "sessionId") await entitled(context, target.value);
      return link.deleteLink({ target, requestId, signIn }, browser.plain(context));
    },
    async getLink(request, context) {
      onlyTheTierSets({ account: request.account });
      const account = accountOf(browser.signedIn(context));
      const { linkId, includeName } = request;
      return link.getLink({ linkId, includeName, account }, browser.plain(context));
    },
    async listLinks(request, context) {
      onlyTheTierSets({ account: request.account });
      const account = accountOf(browser.signedIn(context));
      const { includeEnded, includeName, pageSize, pageToken } = request;
      return link.listLinks(
        { includeEnded, includeName, pageSize, pageToken, account },
        browser.plain(context),
      );
    },
    async listLinkEvents(request, context) {
      onlyTheTierSets({ account: request.account });
      const account = accountOf(browser.signedIn(context));
      const { linkId, pageSize, pageToken } = request;
      return link.listLinkEvents({ linkId, pageSize, pageToken, account }, browser.plain(context));
    },
  });
}

function stateName(state: SessionState | undefined): string {
  return Object.entries(SessionState).find(([, value]) => value === state)?.[0] ?? "UNSPECIFIED";
}
