// A whole Musubi on this machine: the simulated world, the services, an identity provider, the tier, the
// stand-in of the app and a relying party. On loopback, free ports, in a folder of its own.
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Child, runToEnd, StageError } from "./child.ts";
import { Musubid } from "./musubid.ts";
import {
  accountConfig,
  ACR,
  appConfig,
  type FirstStep,
  idpConfig,
  type Places,
  tierConfig,
} from "./programs.ts";
import { freePorts } from "./ports.ts";
import { World } from "./world.ts";

const WEB = path.resolve(import.meta.dirname, "..");

export interface StageOptions {
  /** Emptied first. */
  directory: string;
  /** Folder of musubid and its like. */
  bin: string;
  /** What a person does first: sign in (unless told), or read the card. */
  firstStep?: FirstStep;
  /** For tests: musubid's time can be moved (Musubid.advance). */
  movable?: boolean;
  /** Aborted: what is up so far is stopped, and create fails. */
  signal?: AbortSignal;
  /** Told what is up, as it comes up. */
  step?: (text: string) => void;
}

/** What is up. `create` puts all up or, if something fails, stops what it started. */
export class Stage {
  readonly world: World;
  readonly musubid: Musubid;
  readonly origins: Places["origins"];
  readonly #places: Places;
  /** In the order of their start. */
  readonly #programs: Program[];

  private constructor(world: World, musubid: Musubid, places: Places, programs: Program[]) {
    this.world = world;
    this.musubid = musubid;
    this.origins = places.origins;
    this.#places = places;
    this.#programs = programs;
  }

  static async create(options: StageOptions): Promise<Stage> {
    const { directory, bin, step = () => undefined } = options;
    const programs: Program[] = [];
    const put = async (program: Program): Promise<void> => {
      program.child = await program.start();
      programs.push(program);
      options.signal?.throwIfAborted();
    };
    try {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true });
      const world = await World.create(directory, path.join(bin, "musubi-sandbox"));
      step("a simulated JPKI, its lists and cards");
      const responder = { name: "OCSP responder", start: () => world.startResponder() };
      await put(responder);
      step("OCSP responder");

      const places = await choosePlaces(world, bin, options.firstStep ?? "ACCOUNT");
      const musubid = await Musubid.create({
        world,
        bin,
        origins: { tier: places.origins.tier, account: places.origins.account },
        port: places.ports.musubid,
        movable: options.movable === true,
      });
      await put({ name: "musubid", start: () => musubid.start(), stop: () => musubid.stop() });
      step(`musubid on 127.0.0.1:${places.ports.musubid}`);
      for (const program of await webPrograms(world, places)) {
        await put(program);
        step(`${program.name} on ${program.origin}`);
      }
      return new Stage(world, musubid, places, programs);
    } catch (error) {
      await stopAll(programs);
      throw error;
    }
  }

  /** Ends a program as a crash does, and starts it anew. */
  async crash(name: string): Promise<void> {
    const program = this.#programs.find((one) => one.name === name);
    if (program?.child === undefined) throw new StageError(`no program ${name}`);
    await program.child.kill();
    program.child = await program.start();
  }

  /** Stops a program until what this gives is called; called once more, that does nothing. */
  async pause(name: string): Promise<() => Promise<void>> {
    const program = this.#programs.find((one) => one.name === name);
    if (program?.child === undefined) throw new StageError(`no program ${name}`);
    await stopOne(program);
    let paused = true;
    return async () => {
      if (!paused) return;
      paused = false;
      program.child = await program.start();
    };
  }

  /** The tier stands for the relying party of that first step; gives how it stands as before. */
  async standFor(firstStep: FirstStep): Promise<() => Promise<void>> {
    const before = this.#places.firstStep;
    await this.#restartTier({ firstStep });
    return () => this.#restartTier({ firstStep: before });
  }

  /** Acts need one of these sign-ins, and musubid runs with these flags; gives how it is as before. */
  async demand(
    acr: readonly string[],
    flags: Readonly<Record<string, string | number>>,
  ): Promise<() => Promise<void>> {
    const before = this.#places.acr;
    const change = async (to: readonly string[], set: typeof flags): Promise<void> => {
      await this.musubid.accept(to);
      await this.musubid.restart(set);
      await this.#restartTier({ acr: to });
    };
    await change(acr, flags);
    return () => change(before, {});
  }

  async #restartTier(change: Partial<Places>): Promise<void> {
    Object.assign(this.#places, change);
    const resume = await this.pause("tier");
    await writeConfig(this.world, "tier", tierConfig(this.#places));
    await resume();
  }

  /** Waits until a program ends that nobody stopped; says which. */
  async untilOneEnds(): Promise<StageError> {
    return Promise.race(this.#programs.map(async (program) => (program.child as Child).untilEnd()));
  }

  /** In the other order than they started. */
  async stop(): Promise<void> {
    await stopAll(this.#programs);
  }
}

interface Program {
  name: string;
  start: () => Promise<Child>;
  stop?: () => Promise<void>;
  child?: Child;
}

async function stopOne(program: Program): Promise<void> {
  await (program.stop === undefined ? program.child?.stop() : program.stop());
}

async function stopAll(programs: readonly Program[]): Promise<void> {
  for (const program of [...programs].reverse()) await stopOne(program);
}

async function choosePlaces(world: World, bin: string, firstStep: FirstStep): Promise<Places> {
  const [musubid, tier, app, account, idp] = (await freePorts(5)) as [number, number, number, number, number];
  const keyring = world.file("keys/web.keyring");
  await mkdir(world.file("keys"), { recursive: true });
  await runToEnd("musubictl keyring new", path.join(bin, "musubictl"), [
    "keyring",
    "new",
    "--id=k1",
    `--out=${keyring}`,
  ]);
  await writeFile(world.file("keys/oidc.secret"), `${randomBytes(32).toString("base64url")}\n`, {
    mode: 0o600,
  });
  return {
    ports: { musubid, tier, app, account, idp },
    origins: {
      tier: `https://link.localhost:${tier}`,
      app: `https://app.localhost:${app}`,
      account: `https://account.localhost:${account}`,
      idp: `https://localhost:${idp}`,
    },
    directory: world.directory,
    dist: path.join(WEB, "dist"),
    firstStep,
    acr: Object.values(ACR),
  };
}

async function writeConfig(world: World, name: string, config: object): Promise<void> {
  await writeFile(world.file(`${name}.json`), `${JSON.stringify(config, undefined, 2)}\n`);
}

/** The four programs in Node, in the order of their start. */
async function webPrograms(world: World, places: Places): Promise<(Program & { origin: string })[]> {
  const programs = [
    { name: "demo-idp", script: "demo-idp/main.ts", config: idpConfig, at: "idp" },
    { name: "tier", script: "server/main.ts", config: tierConfig, at: "tier" },
    { name: "standin-app", script: "standin-app/main.ts", config: appConfig, at: "app" },
    { name: "demo-rp", script: "demo-rp/main.ts", config: accountConfig, at: "account" },
  ] as const;
  for (const { name, config } of programs) {
    await writeConfig(world, name, config(places));
  }
  return programs.map(({ name, script, at }) => ({
    name,
    origin: places.origins[at],
    start: async () => {
      const args = [path.join(WEB, script), "--config", world.file(`${name}.json`)];
      const options = { name, command: process.execPath, args, log: world.file(`${name}.log`) };
      return Child.start(options, (child) => child.untilAccepts(places.ports[at]));
    },
  }));
}
