// The simulated outside world: certificates, cards for several people, revocation lists, a responder.
import { copyFile, mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { Child, runToEnd } from "./child.ts";

/** Who has which card. Files of that name lie in the world's wallet. */
export const CARDS = {
  /** What most people have. */
  card: [],
  /** Of the same kind: somebody else's, or the next one of the same person. */
  second: [],
  /** And a third one. */
  other: [],
  /** Both PINs are the same. */
  "same-pins": ["--card_info_pin", "1234"],
  /** Of the generation of 2028, with P-384 keys. */
  "p-384": ["--generation", "04"],
  /** Reported lost: revoked. */
  lost: [],
  expired: ["--forgery", "expired"],
} as const satisfies Record<string, readonly string[]>;

export type CardName = keyof typeof CARDS;

/** Of every card, except that card info is the same as authentication where the name says so. */
export const AUTHENTICATION_PIN = "1234";
export const CARD_INFO_PIN = "5678";

export class World {
  readonly directory: string;
  readonly #sandbox: string;
  #responderPort = 0;

  private constructor(directory: string, sandbox: string) {
    this.directory = directory;
    this.#sandbox = sandbox;
  }

  /** Makes the world in an empty folder. StageError if the program cannot. */
  static async create(directory: string, sandbox: string): Promise<World> {
    const world = new World(directory, sandbox);
    await world.#run("init");
    await mkdir(world.file("wallet"), { recursive: true });
    for (const [name, options] of Object.entries(CARDS)) {
      const issued = (await world.#run("issue-cards", ...options)).trim();
      await copyFile(issued, world.card(name as CardName));
    }
    await world.#run("revoke", "--card", world.card("lost"), "--reason", "keyCompromise");
    await world.#run("publish-crls");
    await world.#run("tls");
    return world;
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  /** The file of a card: what a person chooses in the stand-in app. */
  card(name: CardName): string {
    return this.file(`wallet/${name}.card.json`);
  }

  /** A card of its own, for one test. */
  async newCard(...options: readonly string[]): Promise<string> {
    return (await this.#run("issue-cards", ...options)).trim();
  }

  /** Revokes a card; responder and lists know it at once. */
  async revoke(card: string): Promise<void> {
    await this.#run("revoke", "--card", card, "--reason", "keyCompromise");
    await this.#run("publish-crls");
  }

  /**
   * Starts the OCSP responder; it is ready when responders.json is in the folder. Started anew it listens
   * where it did: musubid reads that file once.
   */
  async startResponder(misbehave = "none"): Promise<Child> {
    const ready = this.file(`ocsp-${misbehave}.port`);
    await rm(ready, { force: true });
    const args = [
      "serve",
      "--dir",
      this.directory,
      "--port",
      String(this.#responderPort),
      "--ready_file",
      ready,
      "--misbehave",
      misbehave,
    ];
    const options = { name: "OCSP responder", command: this.#sandbox, args, log: this.file("ocsp.log") };
    return Child.start(options, async (child) => {
      this.#responderPort = await child.untilPort(ready);
    });
  }

  #run(command: string, ...options: readonly string[]): Promise<string> {
    const args = [command, "--dir", this.directory, ...options];
    return runToEnd(`musubi-sandbox ${command}`, this.#sandbox, args);
  }
}
