// A person's browser, moved without its pages: in a document of the tier that has no script, each call is
// one fetch of the browser itself. For attacks that need a browser at a certain point of a journey, and
// for looking whether one has changed anything.
import { randomBytes } from "node:crypto";
import type { Cookie, Page } from "playwright-core";
import { COOKIES } from "../../server/cookies.ts";
import type { SignInPurpose, BrowserState } from "../../shared/page.ts";
import { BROWSER_RPC, ENDPOINTS } from "../../shared/routes.ts";
import type { Stage } from "../../stage/stage.ts";
import { reasonOf } from "./wire.ts";

export const requestId = (): string => randomBytes(16).toString("base64");

export interface Reply {
  status: number;
  /** Undefined unless it is a refusal. */
  reason: string | undefined;
  json: Record<string, unknown>;
}

/** What attacks must leave as it is. */
export interface Standing {
  session: BrowserState["session"];
  sessionState: unknown;
  account: string | undefined;
  links: number | undefined;
}

const signIns = new Map<string, Cookie>();

export class Hands {
  readonly page: Page;
  readonly #tier: string;
  readonly #idp: string;

  constructor(page: Page, stage: Stage) {
    this.page = page;
    this.#tier = stage.origins.tier;
    this.#idp = stage.origins.idp;
  }

  /** Goes to a document of the tier that does nothing by itself. */
  async rest(): Promise<void> {
    await this.page.goto(this.#tier + ENDPOINTS.config);
  }

  async ask(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const { status, text } = await this.page.evaluate(
      async ([to, content, extra]) => {
        const init =
          content === null
            ? {}
            : { method: "POST", body: content, headers: { "content-type": "application/json", ...extra } };
        const response = await fetch(to, { cache: "no-store", ...init });
        return { status: response.status, text: await response.text() };
      },
      [path, body === undefined ? null : JSON.stringify(body), headers] as const,
    );
    const json = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
    return { status, reason: status < 400 ? undefined : reasonOf(text), json };
  }

  /** A call of the wire contract, as `SessionService/GetSession`. */
  call(method: string, message: object): Promise<Reply> {
    return this.ask(`${BROWSER_RPC}/musubi.v1.${method}`, message, { "connect-protocol-version": "1" });
  }

  async state(): Promise<BrowserState> {
    return (await this.ask(ENDPOINTS.state)).json as unknown as BrowserState;
  }

  /** From POST /signin to the identity provider's login page; gives the authorization URL. */
  async beginSignIn(purpose: SignInPurpose): Promise<string> {
    await this.rest();
    const { json } = await this.ask(ENDPOINTS.signIn, { purpose, locale: "en" });
    return String(json["location"]);
  }

  /**
   * At the login page: signs in, up to the address of the callback, which is not asked for. By requests
   * with the browser's cookies: a browser follows redirects before anybody can stop it.
   */
  async callback(account: string): Promise<string> {
    const { request } = this.page.context();
    let at = this.page.url();
    let answer = await request.post(at, { form: { pick: account }, maxRedirects: 0 });
    for (;;) {
      const { location } = answer.headers();
      if (location === undefined) throw new Error(`no redirect from ${new URL(at).pathname}`);
      at = new URL(location, at).href;
      if (at.startsWith(this.#tier)) return at;
      answer = await request.get(at, { maxRedirects: 0 });
    }
  }

  /** Signed in, at rest. Once for each account; its cookie then serves the next browsers, too. */
  async signIn(account: "shiken-001" | "shiken-002" = "shiken-001"): Promise<void> {
    const context = this.page.context();
    const key = `${this.#tier} ${account}`;
    const known = signIns.get(key);
    if (known !== undefined) {
      await context.addCookies([known]);
      return this.rest();
    }
    await this.page.goto(await this.beginSignIn("LINK"));
    await this.page.goto(await this.callback(account));
    await this.rest();
    const cookie = (await context.cookies(this.#tier)).find(({ name }) => name === COOKIES.signIn.name);
    if (cookie !== undefined) signIns.set(key, cookie);
  }

  /** A session of this browser; base64, as Connect's JSON has it. */
  async open(act: "LINK" | "UNLINK" | "REPLACE" = "LINK"): Promise<string> {
    const { json, reason } = await this.call("SessionService/CreateSession", {
      requestId: requestId(),
      act: `ACT_${act}`,
      locale: "en",
    });
    if (reason !== undefined) throw new Error(`CreateSession: ${reason}`);
    return String(json["sessionId"]);
  }

  async payload(sessionId: string): Promise<string> {
    const { json } = await this.call("PairingService/GetQrFrame", { sessionId });
    return String((json["frame"] as Record<string, unknown>)["payload"]);
  }

  /** Fragment that opens the app on this device. */
  async handoff(sessionId: string): Promise<string> {
    const { json } = await this.call("PairingService/CreateHandoff", { sessionId, requestId: requestId() });
    const token = Buffer.from(String(json["handoffToken"]), "base64").toString("base64url");
    return `#h=${Buffer.from(sessionId, "base64").toString("base64url")}.${token}`;
  }

  async sessionState(sessionId: string): Promise<unknown> {
    const { json, reason } = await this.call("SessionService/GetSession", { sessionId });
    return reason ?? (json["session"] as Record<string, unknown>)["state"];
  }

  async standing(): Promise<Standing> {
    const { session, signedIn } = await this.state();
    const id = session === null ? null : Buffer.from(session.id, "base64url").toString("base64");
    const links = signedIn === null ? undefined : await this.call("LinkService/ListLinks", {});
    return {
      session,
      sessionState: id === null ? null : await this.sessionState(id),
      account: signedIn?.accountName,
      links: links === undefined ? undefined : ((links.json["links"] as unknown[] | undefined) ?? []).length,
    };
  }

  get idp(): string {
    return this.#idp;
  }
}
