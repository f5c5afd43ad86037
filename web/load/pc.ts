// A PC with the journey's page open, as the tier sees it: one HTTP/2 connection, a session cookie, and the
// two streams that the page keeps, by Connect. Reads them, stops reading, or comes back when one ends.
import type { Duplex } from "node:stream";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { PairingService, type WatchQrFramesResponse } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService, type WatchSessionResponse } from "../gen/musubi/v1/session_pb.ts";
import { BROWSER_RPC } from "../shared/routes.ts";

export interface PcOptions {
  /** The tier's, as browsers see it; the connection goes where `connect` says. */
  origin: string;
  connect: () => Duplex;
  /** Cookie and other headers of every request. */
  headers: Record<string, string>;
  /** Octets of a stream that this PC takes before it has read any; HTTP/2's default otherwise. */
  window?: number;
}

/** What a stream of a PC came to. */
export type End = { error?: unknown };

export class Pc {
  readonly pairing: Client<typeof PairingService>;
  readonly session: Client<typeof SessionService>;
  readonly #connection: Http2SessionManager;
  #headers: Record<string, string>;

  constructor({ origin, connect, headers, window }: PcOptions) {
    this.#headers = headers;
    this.#connection = new Http2SessionManager(origin, undefined, {
      createConnection: connect,
      ...(window === undefined ? {} : { settings: { initialWindowSize: window } }),
    });
    const transport = createConnectTransport({
      baseUrl: `${origin}${BROWSER_RPC}`,
      httpVersion: "2",
      sessionManager: this.#connection,
      acceptCompression: [],
      interceptors: [
        (next) => (request) => {
          const all = { origin, "sec-fetch-site": "same-origin", ...this.#headers };
          for (const [name, value] of Object.entries(all)) request.header.set(name, value);
          return next(request);
        },
      ],
    });
    this.pairing = createClient(PairingService, transport);
    this.session = createClient(SessionService, transport);
  }

  /** From now on sent with every request. */
  setCookie(cookie: string): void {
    this.#headers = { ...this.#headers, cookie };
  }

  watchFrames(sessionId: Uint8Array, signal: AbortSignal): AsyncIterable<WatchQrFramesResponse> {
    return this.pairing.watchQrFrames({ sessionId }, { signal });
  }

  watchSession(sessionId: Uint8Array, signal: AbortSignal): AsyncIterable<WatchSessionResponse> {
    return this.session.watchSession({ sessionId }, { signal });
  }

  /** Ends the connection, as a closed browser does. */
  close(): void {
    this.#connection.abort();
  }
}

/** Reads all; gives how it ended. */
export async function readAll<T>(messages: AsyncIterable<T>, onMessage: (message: T) => void): Promise<End> {
  try {
    for await (const message of messages) onMessage(message);
    return {};
  } catch (error) {
    return { error };
  }
}
