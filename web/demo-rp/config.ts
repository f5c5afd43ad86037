// Configuration of the demo relying party.
import { z } from "zod";

import { ListenSchema, TlsSchema } from "../shared/program.ts";

const file = z.string().min(1);
const origin = z.url({ protocol: /^https$/ }).refine((value) => new URL(value).origin === value, {
  error: "must be an origin: write it as https://host:port, without a path",
});

export const DemoRpConfigSchema = z.strictObject({
  /** Its own, as browsers see it. */
  origin,
  listen: ListenSchema,
  tls: TlsSchema,
  services: z.strictObject({
    /** host:port */
    address: z.string().min(1),
    ca_file: file,
    /** Its own client certificate: musubi://role/relying-party/ID. */
    certificate_file: file,
    key_file: file,
  }),
  relying_party_id: z.string().min(1),
  /** One of those in the relying-party file, below `origin`. */
  return_uri: z.url({ protocol: /^https$/ }),
  /** Where start pages are. */
  tier_origin: origin,
});
