// A PC with the journey's page open, as the tier sees it: one HTTP/2 connection, a session cookie, and the
// page's streams, by Connect.
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { SteadyConnection } from "../server/connection.ts";
import { BROWSER_RPC } from "../shared/routes.ts";

/** Where the two streams of a page come from. */
export interface Streams {
  pairing: Client<typeof PairingService>;
  session: Client<typeof SessionService>;
}

export interface PcOptions {
  /** The tier's, as browsers see it; the connection goes where `connect` says. */
  origin: string;
  connect: () => Duplex;
  /** Cookie and other headers of every request. */
  headers: Record<string, string>;
  /** Octets of a stream that may come before this PC has read any; HTTP/2's default otherwise. */
  window?: number;
}

export class Pc implements Streams {
  readonly pairing: Client<typeof PairingService>;
  readonly session: Client<typeof SessionService>;
  readonly #connection: Http2SessionManager;

  constructor({ origin, connect, headers, window }: PcOptions) {
    this.#connection = new Http2SessionManager(origin, undefined, {
      createConnection: connect,
      ...(window === undefined ? {} : { settings: { initialWindowSize: window } }),
    });
    const transport = createConnectTransport({
      baseUrl: `${origin}${BROWSER_RPC}`,
      httpVersion: "2",
      sessionManager: new SteadyConnection(this.#connection),
      acceptCompression: [],
      interceptors: [
        (next) => (request) => {
          const all = { origin, "sec-fetch-site": "same-origin", ...headers };
          for (const [name, value] of Object.entries(all)) request.header.set(name, value);
          return next(request);
        },
      ],
    });
    this.pairing = createClient(PairingService, transport);
    this.session = createClient(SessionService, transport);
  }

  /** Ends the connection, as a closed browser does. */
  close(): void {
    this.#connection.abort();
  }
}

/** A connection to this machine's port of `origin`: Node does not resolve names below localhost. */
export function connectTo(origin: string, ca: Buffer): () => Duplex {
  const { hostname, port } = new URL(origin);
  return () =>
    connectTls({ host: "127.0.0.1", port: Number(port), servername: hostname, ca, ALPNProtocols: ["h2"] });
}
