// Configuration of the demo identity provider.
import { z } from "zod";

import { ListenSchema, TlsSchema } from "../shared/program.ts";

import { DEMO_ACCOUNTS, DemoAccountSchema } from "./accounts.ts";

export const DemoIdpConfigSchema = z.strictObject({
  /** The issuer is `https://localhost:PORT`, with the port that is taken. */
  listen: ListenSchema,
  tls: TlsSchema,
  /** The one service that may ask. */
  client: z.strictObject({
    id: z.string().min(1),
    secret_file: z.string().min(1),
    redirect_uris: z.array(z.url({ protocol: /^https$/ })).min(1),
  }),
  /** Who can sign in; the two people of the demo if absent. */
  accounts: z
    .array(DemoAccountSchema)
    .min(1)
    .default(() => [...DEMO_ACCOUNTS]),
});
