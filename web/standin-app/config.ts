// Configuration of the stand-in's server.
import { z } from "zod";

import { ListenSchema, TlsSchema } from "../shared/program.ts";

export const StandInConfigSchema = z.strictObject({
  listen: ListenSchema,
  tls: TlsSchema,
  /** What Vite built: dist/standin-app. */
  static_dir: z.string().min(1),
  /** The tier that the app is connected to; the only place that its pages may call. */
  tier_origin: z
    .url({ protocol: /^https$/ })
    .refine((url) => URL.parse(url)?.origin === url, "must be an origin, as in https://link.localhost:8443"),
});
