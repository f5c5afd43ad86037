// The connection to the services, without two faults.
// Connect's manager drops its listeners from a connection that it is
// done with, and an error that comes after that would end this process: musubid stops, says so (GOAWAY),
// and a browser asks for the next stream before the connection has closed.
// And Node loses an answer that has come whole before anybody reads it: gRPC's C++ server ends a stream
// right after the answer, and a busy event loop hears of both at once ("Premature close").
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import { PassThrough } from "node:stream";
import type { createGrpcTransport } from "@connectrpc/connect-node";

type Manager = NonNullable<Parameters<typeof createGrpcTransport>[0]["sessionManager"]>;

/** Octets; a reader who is slow still holds the sender back. */
const AHEAD = 1;

function readAtOnce(stream: ClientHttp2Stream): void {
  const body = new PassThrough({ highWaterMark: AHEAD });
  stream.pipe(body);
  stream.once("close", () => {
    if (!stream.readableEnded) body.destroy();
  });
  stream[Symbol.asyncIterator] = () => body[Symbol.asyncIterator]();
}

export class SteadyConnection implements Manager {
  readonly #manager: Manager;
  readonly #known = new WeakSet<ClientHttp2Session>();

  constructor(manager: Manager) {
    this.#manager = manager;
  }

  get authority(): string {
    return this.#manager.authority;
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Parameters<Manager["request"]>[3],
  ): Promise<ClientHttp2Stream> {
    const stream = await this.#manager.request(method, path, headers, options);
    const { session } = stream;
    if (session !== undefined && !this.#known.has(session as ClientHttp2Session)) {
      this.#known.add(session as ClientHttp2Session);
      // Each call on the connection is told by itself.
      session.on("error", () => undefined);
    }
    readAtOnce(stream);
    return stream;
  }

  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    this.#manager.notifyResponseByteRead(stream);
  }
}
