// Musubi for a load: the simulated world, Redis, musubid, and one tier as it is shipped, on loopback. No
// pages and no identity provider: sessions are opened with the tier's own client certificate, and cookies
// sealed with its keyring.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Act, FlowPolicy } from "../gen/musubi/v1/common_pb.ts";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { SteadyConnection } from "../server/connection.ts";
import { Cookies } from "../server/cookies.ts";
import { parseKeyring, Sealer } from "../server/seal.ts";
import { systemClock } from "../shared/clock.ts";
import { Child, runToEnd } from "../stage/child.ts";
import { Musubid } from "../stage/musubid.ts";
import { freePorts } from "../stage/ports.ts";
import { ACR, type Places, RELYING_PARTY, tierConfig } from "../stage/programs.ts";
import { World } from "../stage/world.ts";
import { forBrowser } from "../server/refusals.ts";
import { withRetry } from "../ui/problem.ts";
import { browserTimer } from "../ui/timer.ts";
import { connectTo, Pc, type Streams } from "./pc.ts";
import { startRedis } from "./redis.ts";

const WEB = path.resolve(import.meta.dirname, "..");
/** Sessions that are opened at once. */
const AT_ONCE = 16;
/** As the tier's limits.unary_seconds and stream_seconds. */
const CALL_MS = 8_000;
const STREAM_MS = 600_000;
const LOOPBACK = "127.0.0.1/32";

export interface OpenSession {
  id: Uint8Array;
  credential: Uint8Array;
  expiresAt: number;
}

/** A Node server with web/server's metrics. */
export interface NodeServer {
  child: Child;
  metricsPort: number;
}

export class Scene {
  readonly musubid: Musubid;
  readonly #world: World;
  readonly #places: Places;
  readonly #ca: Buffer;
  readonly #children: Child[];
  readonly #services: string;
  /** To musubid, as the tier has one. */
  readonly #connection: Http2SessionManager;
  readonly #steady: SteadyConnection;

  private constructor(parts: {
    world: World;
    places: Places;
    ca: Buffer;
    musubid: Musubid;
    children: Child[];
  }) {
    this.#world = parts.world;
    this.#places = parts.places;
    this.#ca = parts.ca;
    this.musubid = parts.musubid;
    this.#children = parts.children;
    this.#services = `https://localhost:${parts.places.ports.musubid}`;
    const file = (name: string): Buffer => readFileSync(parts.world.file(`tls/${name}`));
    this.#connection = new Http2SessionManager(this.#services, undefined, {
      ca: parts.ca,
      cert: file("front.crt"),
      key: file("front.key"),
    });
    this.#steady = new SteadyConnection(this.#connection);
  }

  /** Empties `directory`. Needs musubid, musubictl and musubi-sandbox in `bin`. */
  static async create(directory: string, bin: string): Promise<Scene> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const world = await World.create(directory, path.join(bin, "musubi-sandbox"));
    const children = [await world.startResponder()];
    try {
      const redis = await startRedis(directory);
      children.push(redis.child);
      const places = await choosePlaces(directory);
      const musubid = await Musubid.create({
        world,
        bin,
        origins: places.origins,
        port: places.ports.musubid,
        movable: false,
        flags: redis.flags,
      });
      await musubid.start();
      // Musubid.create has made the folder.
      const keyring = world.file("keys/web.keyring");
      const make = ["keyring", "new", "--id=k1", `--out=${keyring}`];
      await runToEnd("musubictl keyring new", path.join(bin, "musubictl"), make);
      await writeFile(world.file("keys/oidc.secret"), "unused\n", { mode: 0o600 });
      await mkdir(path.join(places.dist, "app/assets"), { recursive: true });
      await writeFile(path.join(places.dist, "app/index.html"), "<!doctype html>");
      const config = { ...tierConfig(places), trusted_proxies: [LOOPBACK] };
      await writeFile(world.file("tier.json"), JSON.stringify(config));
      const ca = await readFile(world.file("tls/ca.crt"));
      return new Scene({ world, places, ca, musubid, children });
    } catch (error) {
      for (const child of children) await child.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#connection.abort();
    await this.musubid.stop();
    for (const child of [...this.#children].reverse()) await child.stop();
  }

  /** server/main.ts, or another program that reads its file. */
  async startNode(name: string, script: string): Promise<NodeServer> {
    const portFile = this.#world.file("tier-metrics.port");
    await rm(portFile, { force: true });
    const args = [path.join(WEB, script), `--config=${this.#world.file("tier.json")}`];
    const options = { name, command: process.execPath, args, log: this.#world.file(`${name}.log`) };
    let metricsPort = 0;
    const child = await Child.start(options, async (started) => {
      await started.untilAccepts(this.#places.ports.tier);
      metricsPort = await started.untilPort(portFile);
    });
    this.#children.push(child);
    return { child, metricsPort };
  }

  /** New sessions, each of an account and a network of its own. */
  async openSessions(count: number): Promise<OpenSession[]> {
    const { session } = this.#front();
    const opened: OpenSession[] = [];
    const openOne = async (index: number): Promise<void> => {
      const request = {
        requestId: randomBytes(16),
        relyingPartyId: RELYING_PARTY,
        act: Act.LINK,
        flowPolicy: FlowPolicy.ANY,
        locale: "ja",
        clientContext: { browser: "Firefox 140", operatingSystem: "Windows" },
        clientNetwork: `${networkOf(index)}.0/24`,
        account: { issuer: "https://login.mihon.example", subject: randomBytes(8).toString("hex") },
      };
      const { sessionId, entry, expiresAt } = await again(() =>
        session.createSession(request, { timeoutMs: CALL_MS }),
      );
      if (entry.case !== "browserCredential" || expiresAt === undefined) throw new Error("no credential");
      opened[index] = { id: sessionId, credential: entry.value, expiresAt: timestampMs(expiresAt) };
    };
    for (let from = 0; from < count; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) =>
        openOne(from + index),
      );
      await Promise.all(some);
    }
    return opened;
  }

  /** A browser of the tier. */
  async pcs(
    sessions: readonly OpenSession[],
    windowOf: (index: number) => number | undefined,
  ): Promise<Pc[]> {
    const name = "keys/web.keyring";
    const keyring = parseKeyring(await readFile(this.#world.file(name), "utf8"), name);
    const cookies = new Cookies(new Sealer(keyring, systemClock, randomBytes), systemClock);
    const text = (octets: Uint8Array): string => Buffer.from(octets).toString("base64url");
    const { tier } = this.#places.origins;
    return sessions.map(({ id, credential, expiresAt }, index) => {
      const value = { id: text(id), credential: text(credential), act: "LINK", returned: false } as const;
      const cookie = cookies.set("session", value, expiresAt).split(";")[0] ?? "";
      const window = windowOf(index);
      return new Pc({
        origin: tier,
        connect: connectTo(tier, this.#ca),
        headers: { cookie, "x-forwarded-for": `${networkOf(index)}.7` },
        ...(window === undefined ? {} : { window }),
      });
    });
  }

  /** The same streams from musubid itself, over one connection, as the tier has them. */
  direct({ credential }: OpenSession): Streams {
    return this.#front((next) => (request) => {
      request.header.set("authorization", `Bearer ${Buffer.from(credential).toString("base64url")}`);
      return next(request);
    });
  }

  #front(...interceptors: Interceptor[]): Streams {
    const transport = createGrpcTransport({
      baseUrl: this.#services,
      sessionManager: this.#steady,
      acceptCompression: [],
      defaultTimeoutMs: STREAM_MS,
      interceptors,
    });
    return {
      pairing: createClient(PairingService, transport),
      session: createClient(SessionService, transport),
    };
  }
}

/** A call that is safe to repeat, as a page makes it: an answer may be lost on its way. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  return withRetry(browserTimer, async () => {
    try {
      return await call();
    } catch (error) {
      throw forBrowser(error);
    }
  });
}

/** The /24 of a PC, as in "10.1.2". */
function networkOf(index: number): string {
  return `10.${Math.floor(index / 256)}.${index % 256}`;
}

async function choosePlaces(directory: string): Promise<Places> {
  const [musubid = 0, tier = 0, app = 0, account = 0, idp = 0] = await freePorts(5);
  return {
    ports: { musubid, tier, app, account, idp },
    origins: {
      tier: `https://link.localhost:${tier}`,
      app: `https://app.localhost:${app}`,
      account: `https://account.localhost:${account}`,
      idp: `https://localhost:${idp}`,
    },
    directory,
    dist: path.join(directory, "dist"),
    firstStep: "ACCOUNT",
    acr: Object.values(ACR),
  };
}
