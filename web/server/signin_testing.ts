// For tests: an OpenID provider without people, that can be made to answer wrongly.
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:https";

import { systemClock } from "../shared/clock.ts";
import type { TestCertificate } from "../shared/testing/tls.ts";

interface Answer {
  status: number;
  body: string;
  location?: string;
}

function makeKey(id: string) {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    id,
    privateKey,
    jwk: { ...publicKey.export({ format: "jwk" }), kid: id, alg: "RS256", use: "sig" },
  };
}

export class MisbehavingProvider {
  issuer = "";
  /** Edits the claims of the next ID token. */
  changeToken: (token: Record<string, unknown>) => unknown = () => undefined;
  signing: "RIGHT" | "OTHER_KEY" | "NONE" = "RIGHT";
  tokenAnswer: Answer | undefined;
  userinfoSubject = "shiken-001";
  claimedIssuer: string | undefined;
  /** Octets that nobody asked for, in each token answer. */
  padding = 0;
  /** Answers nothing at all. */
  silent = false;
  away = false;
  discoveries = 0;

  readonly #server: Server;
  readonly #clientId: string;
  #key = makeKey("key-1");
  #nonces = new Map<string, string>();

  private constructor(server: Server, clientId: string) {
    this.#server = server;
    this.#clientId = clientId;
  }

  static async start(certificate: TestCertificate, clientId: string): Promise<MisbehavingProvider> {
    const server = createServer(certificate);
    const provider = new MisbehavingProvider(server, clientId);
    server.on("request", (request, response) => {
      if (provider.silent) return;
      const answer = provider.#answer(new URL(request.url ?? "", provider.issuer));
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
      request.on("end", () => {
        const { status, body, location } = answer(new URLSearchParams(text));
        response.writeHead(status, {
          "content-type": "application/json",
          ...(location === undefined ? {} : { location }),
        });
        response.end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    provider.issuer = `https://localhost:${address.port}`;
    return provider;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Back to good behaviour. */
  behave(): void {
    this.changeToken = () => undefined;
    this.signing = "RIGHT";
    this.tokenAnswer = undefined;
    this.userinfoSubject = "shiken-001";
    this.claimedIssuer = undefined;
    this.padding = 0;
    this.silent = false;
    this.away = false;
    this.discoveries = 0;
  }

  /** As after a new set-up: the old key is gone, and its name is used again. */
  renewKey(): void {
    this.#key = makeKey("key-1");
  }

  /** Where the browser comes back to after somebody has signed in. */
  callback(location: URL): URL {
    const code = `code-${this.#nonces.size}`;
    this.#nonces.set(code, location.searchParams.get("nonce") ?? "");
    const callback = new URL(location.searchParams.get("redirect_uri") ?? "");
    callback.searchParams.set("code", code);
    callback.searchParams.set("state", location.searchParams.get("state") ?? "");
    return callback;
  }

  #answer(url: URL): (form: URLSearchParams) => Answer {
    const ok = (body: unknown): Answer => ({ status: 200, body: JSON.stringify(body) });
    if (this.away) return () => ({ status: 503, body: "{}" });
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        this.discoveries += 1;
        return () =>
          ok({
            issuer: this.claimedIssuer ?? this.issuer,
            authorization_endpoint: `${this.issuer}/auth`,
            token_endpoint: `${this.issuer}/token`,
            userinfo_endpoint: `${this.issuer}/userinfo`,
            jwks_uri: `${this.issuer}/jwks`,
            token_endpoint_auth_methods_supported: ["client_secret_post"],
          });
      case "/jwks":
        return () => ok({ keys: [this.#key.jwk] });
      case "/userinfo":
        return () => ok({ sub: this.userinfoSubject, preferred_username: "shiken-001" });
      case "/token":
        return (form) =>
          this.tokenAnswer ??
          ok({
            access_token: "a-token",
            token_type: "Bearer",
            padding: "x".repeat(this.padding),
            id_token: this.#idToken(this.#nonces.get(form.get("code") ?? "") ?? ""),
          });
      default:
        return () => ({ status: 404, body: "{}" });
    }
  }

  #idToken(nonce: string): string {
    const now = Math.floor(systemClock.now() / 1_000);
    const token: Record<string, unknown> = {
      iss: this.issuer,
      sub: "shiken-001",
      aud: this.#clientId,
      iat: now,
      exp: now + 300,
      auth_time: now,
      acr: "urn:example:acr:password",
      nonce,
    };
    this.changeToken(token);
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const alg = this.signing === "NONE" ? "none" : "RS256";
    const signed = `${part({ alg, kid: this.#key.id })}.${part(token)}`;
    if (this.signing === "NONE") return `${signed}.`;
    const key: KeyObject = this.signing === "RIGHT" ? this.#key.privateKey : makeKey("other").privateKey;
    return `${signed}.${createSign("sha256").update(signed).sign(key, "base64url")}`;
  }
}
