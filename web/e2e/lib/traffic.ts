// Everything that leaves a browser, and whether a PIN is in it.
import type { BrowserContext, Request } from "playwright-core";

export interface Sent {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** Records the requests of a context from now on. */
export class Traffic {
  readonly sent: Sent[] = [];

  constructor(context: BrowserContext) {
    context.on("request", (request: Request) => {
      this.sent.push({
        method: request.method(),
        url: request.url(),
        headers: request.headers(),
        body: request.postDataBuffer() ?? Buffer.alloc(0),
      });
    });
  }
}

/** A run of base64 or hex that is longer than any word or number that could hold a PIN. */
const ENCODED = /[A-Za-z0-9+/_-]{20,}={0,2}/g;

/**
 * Where a PIN is in something that was sent, raw or base64. Four digits stand by chance in one of
 * 16 million places of base64 text, which is why encoded runs are read for what they encode.
 */
export function findPin(sent: Sent, pin: string): string[] {
  const found: string[] = [];
  // The port of the address may be any number.
  const { pathname, search, hash } = new URL(sent.url);
  const headers = Object.entries(sent.headers).filter(
    ([name]) => !["host", "origin", "referer", ":authority", "content-length"].includes(name),
  );
  const texts: [string, string][] = [
    ["URL", decodeURIComponent(pathname + search + hash)],
    ...headers.map(([name, value]): [string, string] => [`header ${name}`, value]),
    ["body", sent.body.toString("latin1")],
  ];
  for (const [where, text] of texts) {
    const encoded = text.match(ENCODED) ?? [];
    const plain = text.replace(ENCODED, (run) => (/^\d+$/.test(run) ? run : " "));
    const decoded = encoded.map((run) => Buffer.from(run, "base64").toString("latin1"));
    for (const [how, shown] of [["", plain], ...decoded.map((bytes) => [", base64", bytes])] as [
      string,
      string,
    ][]) {
      if (shown.includes(pin)) found.push(`${where}${how} of ${sent.method} ${sent.url}`);
    }
    // A PIN alone in base64 is shorter than such a run.
    const alone = Buffer.from(pin).toString("base64").replace(/=+$/, "");
    if (plain.includes(alone)) found.push(`${where}, base64, of ${sent.method} ${sent.url}`);
  }
  return found;
}
