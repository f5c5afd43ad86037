// The tier's program: `node server/main.ts --config=FILE`. SIGTERM or ctrl-C ends streams, lets calls end,
// and stops. Log: JSON lines on standard error.
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { systemClock } from "../shared/clock.ts";
import { buildServer } from "./app.ts";
import { type Config, loadConfig, type Material } from "./config.ts";
import { SteadyConnection } from "./connection.ts";
import { Metrics, metricsServer } from "./metrics.ts";
import { parseKeyring } from "./seal.ts";
import { signInPlugin } from "./signin.ts";

const USAGE = "usage: node server/main.ts --config=FILE";
// A connection that is quiet for so long is asked whether it lives: streams may be silent for minutes.
const PING_MS = 30_000;

function transportTo(config: Config, material: Material): ReturnType<typeof createGrpcTransport> {
  const baseUrl = `https://${config.services.address}`;
  const manager = new Http2SessionManager(
    baseUrl,
    { pingIntervalMs: PING_MS },
    {
      ca: material.servicesCa,
      cert: material.servicesCertificate,
      key: material.servicesKey,
      ...(config.services.server_name === undefined ? {} : { servername: config.services.server_name }),
    },
  );
  return createGrpcTransport({
    baseUrl,
    defaultTimeoutMs: config.limits.unary_seconds * 1_000,
    acceptCompression: [],
    sessionManager: new SteadyConnection(manager),
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  if (values.config === undefined) throw new Error(USAGE);
  const { config, material } = loadConfig(values.config);
  const metrics = new Metrics();
  metrics.collectProcess();
  const tier = await buildServer(
    {
      clock: systemClock,
      random: randomBytes,
      transport: transportTo(config, material),
      keyring: parseKeyring(material.keyring, config.keyring_file),
      metrics,
    },
    { config, tls: material.tls, plugins: [signInPlugin(material)], log: process.stderr },
  );
  // Libraries write there: connect-fastify, when a browser leaves in the middle of an answer.
  console.error = (text: unknown, error?: unknown) => {
    tier.app.log.warn(
      { text: String(text), error: error instanceof Error ? error.message : undefined },
      "console",
    );
  };
  const internal = metricsServer(metrics, tier.ready);
  internal.listen(config.metrics_listen.port, config.metrics_listen.host, () => {
    writePort(config.metrics_listen.port_file, internal.address());
  });
  await tier.app.listen({ host: config.listen.host, port: config.listen.port });
  writePort(config.listen.port_file, tier.app.server.address());

  const stop = (): void => {
    // A call that does not end in time is cut: the one who asked retries elsewhere.
    setTimeout(() => process.exit(0), config.limits.drain_seconds * 1_000).unref();
    void tier.drain().then(() => {
      internal.close();
      internal.closeAllConnections();
    });
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function writePort(file: string | undefined, address: AddressInfo | string | null): void {
  if (file !== undefined && address !== null && typeof address === "object") {
    writeFileSync(file, `${address.port}\n`);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
