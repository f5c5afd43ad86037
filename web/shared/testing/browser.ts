// For tests: what a browser does about cookies and redirects, over real TLS on loopback, without a page.
import { request } from "node:https";

export interface TestResponse {
  url: URL;
  status: number;
  /** Absolute; undefined if the answer is no redirect. */
  location: URL | undefined;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

interface Cookie {
  host: string;
  path: string;
  name: string;
  value: string;
  /** Everything after the value, as it came. */
  attributes: string;
}

export type Body = { form: Record<string, string> } | { json: unknown };

/** One person's browser: a cookie jar. Host names below localhost lead to loopback, as in browsers. */
export class TestBrowser {
  cookies: Cookie[] = [];
  readonly #ca: string;

  constructor(ca: string) {
    this.#ca = ca;
  }

  /** Asks once, without following. A POST is of the same origin unless `extra` has another, or "" for none. */
  async send(
    target: string | URL,
    body?: Body,
    extra: Record<string, string> = {},
    method = body === undefined ? "GET" : "POST",
  ): Promise<TestResponse> {
    const url = new URL(target);
    const text =
      body === undefined
        ? undefined
        : "form" in body
          ? new URLSearchParams(body.form).toString()
          : JSON.stringify(body.json);
    const headers: Record<string, string> = { ...extra, host: url.host, cookie: this.header(url) };
    if (body !== undefined) {
      headers["content-type"] = "form" in body ? "application/x-www-form-urlencoded" : "application/json";
      headers["content-length"] = String(Buffer.byteLength(text ?? ""));
      headers["origin"] ??= url.origin;
      if (headers["origin"] === "") delete headers["origin"];
    }
    return new Promise((resolve, reject) => {
      const call = request(
        {
          host: "127.0.0.1",
          servername: url.hostname,
          port: url.port,
          path: url.pathname + url.search,
          method,
          headers,
          ca: this.#ca,
          agent: false,
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("error", reject);
          answer.on("end", () => {
            this.#keep(url, answer.headers["set-cookie"] ?? []);
            const location = answer.headers.location;
            resolve({
              url,
              status: answer.statusCode ?? 0,
              location: location === undefined ? undefined : new URL(location, url),
              headers: answer.headers,
              body: Buffer.concat(chunks).toString("utf8"),
            });
          });
        },
      );
      call.on("error", reject);
      call.end(text);
    });
  }

  /** Follows redirects while they lead to `origin`; the first answer that does not is returned. */
  async go(target: string | URL, origin: string, body?: Body): Promise<TestResponse> {
    let answer = await this.send(target, body);
    for (let hops = 0; answer.location?.origin === origin && hops < 10; hops++) {
      answer = await this.send(answer.location);
    }
    return answer;
  }

  /** The Cookie header for a URL. */
  header(url: URL): string {
    return this.cookies
      .filter((cookie) => cookie.host === url.hostname && url.pathname.startsWith(cookie.path))
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join("; ");
  }

  cookie(name: string): Cookie | undefined {
    return this.cookies.find((cookie) => cookie.name === name);
  }

  #keep(url: URL, lines: string[]): void {
    for (const line of lines) {
      const [pair = "", ...rest] = line.split(";");
      const at = pair.indexOf("=");
      const attributes = rest.join(";");
      const cookie: Cookie = {
        host: url.hostname,
        path: /path=([^;]*)/i.exec(attributes)?.[1] ?? "/",
        name: pair.slice(0, at),
        value: pair.slice(at + 1),
        attributes,
      };
      this.cookies = this.cookies.filter(
        (kept) => kept.name !== cookie.name || kept.host !== cookie.host || kept.path !== cookie.path,
      );
      const gone =
        cookie.value === "" ||
        /max-age=0(;|$)/i.test(attributes) ||
        /expires=thu, 01 jan 1970/i.test(attributes);
      if (!gone) this.cookies.push(cookie);
    }
  }
}
