// What the tier's parts share. Made by app.ts; a module that adds endpoints is given it.
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import type { FastifyInstance } from "fastify";
import { LinkService } from "../gen/musubi/v1/link_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { ValidationService } from "../gen/musubi/v1/validation_pb.ts";
import type { Clock } from "../shared/clock.ts";
import type { Config } from "./config.ts";
import type { Cookies } from "./cookies.ts";
import type { Metrics } from "./metrics.ts";
import type { Random } from "./seal.ts";
import type { Streams } from "./streams.ts";

export interface Services {
  session: Client<typeof SessionService>;
  pairing: Client<typeof PairingService>;
  validation: Client<typeof ValidationService>;
  link: Client<typeof LinkService>;
}

export interface Tier {
  config: Config;
  clock: Clock;
  random: Random;
  cookies: Cookies;
  services: Services;
  streams: Streams;
  metrics: Metrics;
}

/** Adds endpoints. POSTs are checked for their origin, and all for their rate, before a handler runs. */
export type TierPlugin = (app: FastifyInstance, tier: Tier) => void | Promise<void>;

export function servicesOf(transport: Transport): Services {
  return {
    session: createClient(SessionService, transport),
    pairing: createClient(PairingService, transport),
    validation: createClient(ValidationService, transport),
    link: createClient(LinkService, transport),
  };
}

/** A reply header, or the route config, for GETs that do something: a prefetch of them is refused. */
declare module "fastify" {
  interface FastifyContextConfig {
    /** A GET that uses something up. */
    once?: boolean;
    /** A call: its refusals are written by Connect. */
    rpc?: boolean;
  }
}
