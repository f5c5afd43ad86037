// A server of somebody else: it answers for every host name below localhost, so that its pages can be of
// another site, or of the tier's own site on another port, where SameSite cookies go along.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Stage } from "../../stage/stage.ts";

export interface Visit {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
}

export class Neighbour {
  /** What has come here. */
  readonly visits: Visit[] = [];
  readonly #server: Server;
  readonly #pages = new Map<string, string>();

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => {
      const url = request.url ?? "";
      const { method = "", headers } = request;
      this.visits.push({ method, url, headers });
      const page = this.#pages.get(url.split("?")[0] ?? "");
      response.writeHead(page === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" });
      response.end(page ?? "");
    });
  }

  static async open(stage: Stage): Promise<Neighbour> {
    const server = createServer({
      cert: readFileSync(stage.world.file("tls/web.crt")),
      key: readFileSync(stage.world.file("tls/web.key")),
    });
    const neighbour = new Neighbour(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return neighbour;
  }

  /** Puts a page there and gives its address under a name below localhost. */
  page(hostname: string, path: string, body: string): string {
    this.#pages.set(
      path,
      `<!doctype html><html lang="en"><title>neighbour</title><body>${body}</body></html>`,
    );
    return `${this.origin(hostname)}${path}`;
  }

  origin(hostname: string): string {
    return `https://${hostname}:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
