// musubi-demo-idp: `node demo-idp/main.ts --config FILE`.
import { closeOnSignal, configFlag, readConfig, writePortFile } from "../shared/program.ts";

import { DemoIdpConfigSchema } from "./config.ts";
import { startDemoIdp } from "./server.ts";

const { config, files } = readConfig(
  configFlag("usage: node demo-idp/main.ts --config FILE"),
  DemoIdpConfigSchema,
);
const idp = await startDemoIdp({
  host: config.listen.host,
  port: config.listen.port,
  tls: { certificate: files.read(config.tls.certificate_file), key: files.read(config.tls.key_file) },
  client: {
    id: config.client.id,
    secret: files.read(config.client.secret_file).trim(),
    redirectUris: config.client.redirect_uris,
  },
  accounts: config.accounts,
});
closeOnSignal(() => idp.close());
if (config.listen.port_file !== undefined) writePortFile(files.path(config.listen.port_file), idp.port);
process.stdout.write(`demo identity provider: ${idp.issuer}\n`);
