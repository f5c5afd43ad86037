// What the framework alone costs: the tier's two streams from a bare Fastify and Connect, over the same TLS,
// without services behind it. A frame each second, as long as a real one.
//   node load/echo.ts --config=FILE   (a tier's file)
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { parseArgs } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import Fastify from "fastify";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { loadConfig } from "../server/config.ts";
import { Metrics, metricsServer } from "../server/metrics.ts";
import { systemClock } from "../shared/clock.ts";
import { writePortFile } from "../shared/program.ts";
import { BROWSER_RPC } from "../shared/routes.ts";

const SECOND_MS = 1_000;
/** Octets of a real frame's payload. */
const PAYLOAD = "f".repeat(100);

const { values } = parseArgs({ options: { config: { type: "string" } } });
if (values.config === undefined) throw new Error("usage: node load/echo.ts --config=FILE");
const { config, material } = loadConfig(values.config);
if (material.tls === undefined) throw new Error("the file names no certificate");

const app = Fastify({
  http2: true,
  https: { cert: material.tls.certificate, key: material.tls.key },
});
await app.register(fastifyConnectPlugin, {
  prefix: BROWSER_RPC,
  grpc: false,
  acceptCompression: [],
  routes: (router) => {
    router.rpc(PairingService.method.watchQrFrames, async function* (_request, { signal }) {
      const begun = systemClock.now();
      for (let number = 0; !signal.aborted; ++number) {
        const next = begun + (number + 1) * SECOND_MS;
        yield {
          frame: {
            payload: PAYLOAD,
            frameNumber: BigInt(number),
            generation: 1,
            nextFrameAt: timestampFromMs(next),
          },
          pageExpiresAt: timestampFromMs(next),
          refreshesLeft: 3,
        };
        await delay(next - systemClock.now(), undefined, { signal }).catch(() => undefined);
      }
    });
    router.rpc(SessionService.method.watchSession, async function* (_request, { signal }) {
      yield {};
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
  },
});

const metrics = new Metrics();
metrics.collectProcess();
const internal = metricsServer(metrics, () => true);
internal.listen(0, "127.0.0.1", () => {
  writePortFile(config.metrics_listen.port_file, (internal.address() as { port: number }).port);
});
await app.listen({ host: config.listen.host, port: config.listen.port });
process.once("SIGTERM", () => process.exit(0));
