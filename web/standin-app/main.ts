// The stand-in of the authentication app: `node standin-app/main.ts --config FILE`.
import { closeOnSignal, configFlag, readConfig, writePortFile } from "../shared/program.ts";

import { StandInConfigSchema } from "./config.ts";
import { startStandIn } from "./server.ts";

const { config, files } = readConfig(
  configFlag("usage: node standin-app/main.ts --config FILE"),
  StandInConfigSchema,
);
const app = await startStandIn({
  host: config.listen.host,
  port: config.listen.port,
  tls: { certificate: files.read(config.tls.certificate_file), key: files.read(config.tls.key_file) },
  staticDir: files.path(config.static_dir),
  tierOrigin: config.tier_origin,
});
closeOnSignal(() => app.close());
if (config.listen.port_file !== undefined) writePortFile(files.path(config.listen.port_file), app.port);
process.stdout.write(`stand-in app: https://app.localhost:${app.port}\n`);
