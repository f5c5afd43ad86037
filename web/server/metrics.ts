// What the tier counts, and the port that shows it: /metrics, /livez, /readyz. For this machine or the
// cluster alone; labels hold names of methods, routes and reasons, nothing of a person.
import { createServer, type Server } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export class Metrics {
  readonly registry = new Registry();
  /** outcome: OK or the reason of the refusal. */
  readonly calls = new Histogram({
    name: "musubi_web_calls_seconds",
    help: "Calls of browsers and apps, by scope, method and outcome. Streams: until their end.",
    labelNames: ["scope", "method", "outcome"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers: [this.registry],
  });
  readonly requests = new Counter({
    name: "musubi_web_requests_total",
    help: "Requests that are not calls, by route and status.",
    labelNames: ["route", "status"],
    registers: [this.registry],
  });
  readonly streams = new Gauge({
    name: "musubi_web_streams",
    help: "Live streams to browsers and apps.",
    registers: [this.registry],
  });
  readonly dropped = new Counter({
    name: "musubi_web_stream_messages_dropped_total",
    help: "Messages that a newer one replaced before the reader took them.",
    registers: [this.registry],
  });
  readonly stalled = new Counter({
    name: "musubi_web_streams_stalled_total",
    help: "Streams that were cut off because nobody read them.",
    registers: [this.registry],
  });

  /** Memory, event loop and garbage collection of the process. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }
}

/** The server of the internal port. `ready` is asked at each /readyz. */
export function metricsServer(metrics: Metrics, ready: () => boolean): Server {
  return createServer((request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    };
    switch (request.method === "GET" ? request.url : undefined) {
      case "/livez":
        answer(200, "text/plain", "ok\n");
        return;
      case "/readyz":
        if (ready()) answer(200, "text/plain", "ok\n");
        else answer(503, "text/plain", "draining\n");
        return;
      case "/metrics":
        void metrics.registry.metrics().then(
          (text) => answer(200, metrics.registry.contentType, text),
          () => answer(500, "text/plain", "failed\n"),
        );
        return;
      default:
        answer(404, "text/plain", "no such page: /metrics, /livez, /readyz\n");
    }
  });
}
