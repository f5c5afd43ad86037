// musubi-demo-rp: `node demo-rp/main.ts --config FILE`.
import { randomBytes } from "node:crypto";

import { createGrpcTransport } from "@connectrpc/connect-node";

import { systemClock } from "../shared/clock.ts";
import { closeOnSignal, configFlag, readConfig, writePortFile } from "../shared/program.ts";

import { DemoRpConfigSchema } from "./config.ts";
import { buildDemoRp } from "./server.ts";

const { config, files } = readConfig(
  configFlag("usage: node demo-rp/main.ts --config FILE"),
  DemoRpConfigSchema,
);
const app = await buildDemoRp(
  {
    origin: config.origin,
    relyingPartyId: config.relying_party_id,
    returnUri: config.return_uri,
    tierOrigin: config.tier_origin,
    tls: { certificate: files.read(config.tls.certificate_file), key: files.read(config.tls.key_file) },
  },
  {
    transport: createGrpcTransport({
      baseUrl: `https://${config.services.address}`,
      nodeOptions: {
        ca: files.read(config.services.ca_file),
        cert: files.read(config.services.certificate_file),
        key: files.read(config.services.key_file),
      },
    }),
    clock: systemClock,
    random: randomBytes,
  },
);
await app.listen({ host: config.listen.host, port: config.listen.port });
closeOnSignal(() => app.close());
const address = app.server.address();
if (config.listen.port_file !== undefined && address !== null && typeof address === "object") {
  writePortFile(files.path(config.listen.port_file), address.port);
}
process.stdout.write(`demo relying party: ${config.origin}\n`);
