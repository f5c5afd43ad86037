// Requests as no browser makes them: any header, any host name, any method. For attacks that need none.
import { connect, constants, type ClientHttp2Session, type OutgoingHttpHeaders } from "node:http2";

export interface Asked {
  method?: string;
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
}

export interface Answered {
  status: number;
  headers: Record<string, string>;
  setCookie: string[];
  body: string;
}

/** One connection to a server of the stage. */
export class Wire {
  readonly #session: ClientHttp2Session;
  readonly #host: string;

  constructor(origin: string) {
    const url = new URL(origin);
    this.#host = url.host;
    this.#session = connect(`https://127.0.0.1:${url.port}`, {
      servername: url.hostname,
      // Of the stage's own CA; what is attacked here is what comes after TLS.
      rejectUnauthorized: false,
    });
    this.#session.on("error", () => undefined);
  }

  ask({ method = "GET", path, headers = {}, body }: Asked): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request(
        {
          [constants.HTTP2_HEADER_METHOD]: method,
          [constants.HTTP2_HEADER_PATH]: path,
          [constants.HTTP2_HEADER_AUTHORITY]: this.#host,
          ...headers,
        },
        { endStream: body === undefined },
      );
      const chunks: Buffer[] = [];
      let answer: Omit<Answered, "body"> = { status: 0, headers: {}, setCookie: [] };
      stream.on("response", ({ ":status": status = 0, "set-cookie": setCookie = [], ...rest }) => {
        const texts = Object.entries(rest).map(([name, value]) => [name, String(value)] as const);
        answer = { status, headers: Object.fromEntries(texts), setCookie };
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("end", () => resolve({ ...answer, body: Buffer.concat(chunks).toString("utf8") }));
      if (body !== undefined) stream.end(body);
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

/** The tier's name of a refusal: of an endpoint, or of a call in Connect's JSON. */
export function reasonOf(body: string): string | undefined {
  try {
    const { reason, message } = JSON.parse(body) as { reason?: string; message?: string };
    return reason ?? message;
  } catch {
    return undefined;
  }
}
