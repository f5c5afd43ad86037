// The connection to the services. Connect's manager drops its listeners from a connection that it is
// done with, and an error that comes after that would end this process: musubid stops, says so (GOAWAY),
// and a browser asks for the next stream before the connection has closed.
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import type { createGrpcTransport } from "@connectrpc/connect-node";

type Manager = NonNullable<Parameters<typeof createGrpcTransport>[0]["sessionManager"]>;

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
    return stream;
  }

  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    this.#manager.notifyResponseByteRead(stream);
  }
}
