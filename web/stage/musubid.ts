// The services of one run: keys, a relying-party file, flags, and musubid itself.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { systemClock } from "../shared/clock.ts";
import { Child, runToEnd, StageError } from "./child.ts";
import { ACR } from "./programs.ts";
import type { World } from "./world.ts";

const KEYRINGS = [
  "service",
  "card",
  "audit",
  "audit-signing",
  "account",
  "person-index",
  "person-data",
  "evidence",
  "demo-university.subject",
  "mihon-library.subject",
];

/** How often a moved clock is told that time goes on: the QR changes each second. */
const TICK_MS = 100;

/** Where browsers find what relying parties and app must know. */
export interface Origins {
  tier: string;
  account: string;
}

function relyingParties({ tier, account }: Origins, acr: readonly string[]): object {
  const common = {
    origins: [tier],
    policy_url: `${account}/policy`,
    terms_url: `${account}/terms`,
    consent_text_version: "2026-04-01",
    return_uris: [`${account}/recovery/return`],
    allowed_acts: ["LINK", "UNLINK", "VERIFY", "REPLACE"],
    allowed_flows: ["CROSS_DEVICE", "ONE_DEVICE"],
    accepted_acr: acr,
    account_policy: "ONE_LINK_PER_ACCOUNT",
    default_locale: "ja",
  };
  return {
    relying_parties: [
      {
        ...common,
        id: "demo-university",
        name: { ja: "見本大学", en: "Mihon University" },
        purpose: {
          ja: "見本大学のアカウントとあなたのカードを結びつけ、後日のパスワード再発行などの本人確認に使います。",
          en: "To tie your Mihon University account to your card, so that the card can later prove that it is you, for example to reissue a password.",
        },
        requested_attributes: ["NAME"],
        subject_keyring_file: "keys/demo-university.subject.keyring",
        allow_cross_device_verify: false,
        first_step: "ACCOUNT",
      },
      {
        ...common,
        id: "mihon-library",
        name: { ja: "見本町立図書館", en: "Mihon Town Library" },
        purpose: { ja: "利用者カードとして使います。", en: "To use your card as a library card." },
        requested_attributes: [],
        subject_keyring_file: "keys/mihon-library.subject.keyring",
        allow_cross_device_verify: true,
        first_step: "CARD",
      },
    ],
  };
}

export interface MusubidOptions {
  world: World;
  /** Folder of musubid, musubid_testclock and musubictl. */
  bin: string;
  origins: Origins;
  port: number;
  /** A time that the owner can move on, and a budget of sessions that no run of tests uses up. */
  movable: boolean;
  /** More flags, or others. */
  flags?: Readonly<Record<string, string | number>>;
}

export class Musubid {
  readonly #options: MusubidOptions;
  #child: Child | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #told = 0;
  #ahead = 0;
  #acks: Promise<void> = Promise.resolve();
  #lines: AsyncIterator<string> | undefined;

  private constructor(options: MusubidOptions) {
    this.#options = options;
  }

  /** Writes what musubid reads. Nothing serves yet. */
  static async create(options: MusubidOptions): Promise<Musubid> {
    const { world, bin } = options;
    await mkdir(world.file("keys"), { recursive: true });
    const musubictl = path.join(bin, "musubictl");
    for (const name of KEYRINGS) {
      await runToEnd("musubictl keyring new", musubictl, [
        "keyring",
        "new",
        "--id=k1",
        `--out=${world.file(`keys/${name}.keyring`)}`,
      ]);
    }
    await writeFile(world.file("musubid.flags"), `${flags(options).join("\n")}\n`);
    const musubid = new Musubid(options);
    await musubid.accept(Object.values(ACR));
    return musubid;
  }

  /** From its next start on, relying parties accept these ways to sign in alone. */
  async accept(acr: readonly string[]): Promise<void> {
    const { world, origins } = this.#options;
    const parties = relyingParties(origins, acr);
    await writeFile(world.file("relying-parties.json"), JSON.stringify(parties, undefined, 2));
  }

  /** Of the program that runs. */
  get pid(): number {
    if (this.#child?.pid === undefined || !this.#child.running) throw new StageError("musubid does not run");
    return this.#child.pid;
  }

  /** `flags` are set for this run of it alone. */
  async start(flags: Readonly<Record<string, string | number>> = {}): Promise<Child> {
    const { world, bin, movable, port } = this.#options;
    const program = path.join(bin, movable ? "musubid_testclock" : "musubid");
    const args = [`--flagfile=${world.file("musubid.flags")}`, ...written(flags)];
    const options = { name: "musubid", command: program, args, log: world.file("musubid.log") };
    const listens = (child: Child) => child.untilAccepts(port);
    if (!movable) return (this.#child = await Child.start(options, listens));

    // In whole seconds; the first tick adds the rest. A server that is behind takes new cards for early.
    const start = Math.floor(systemClock.now() / 1000);
    this.#told = start * 1000;
    this.#ahead = 0;
    const env = {
      MUSUBI_TEST_CLOCK_START: String(start),
      MUSUBI_TEST_CLOCK_FD: "3",
      MUSUBI_TEST_CLOCK_ACK_FD: "4",
    };
    this.#child = await Child.start({ ...options, env, pipes: 2 }, listens);
    this.#lines = createInterface({ input: this.#child.pipe(1) })[Symbol.asyncIterator]();
    this.#ticker = setInterval(() => void this.advance(0).catch(() => undefined), TICK_MS);
    return this.#child;
  }

  /** How many seconds its time is ahead of the machine's. */
  get ahead(): number {
    return this.#ahead;
  }

  /** Moves the server's time on, beyond what has passed; what was due has happened when this returns. */
  advance(seconds: number): Promise<void> {
    this.#acks = this.#acks.then(async () => {
      const child = this.#child;
      if (!this.#options.movable || child?.running !== true)
        throw new StageError("musubid's time cannot be moved");
      const now = systemClock.now();
      const passed = (now - this.#told) / 1000;
      this.#told = now;
      this.#ahead += seconds;
      child.pipe(0).write(`advance ${(passed + seconds).toFixed(3)}\n`);
      const ack = await this.#lines?.next();
      if (ack?.done !== false) throw new StageError("musubid's time does not answer");
    });
    return this.#acks;
  }

  /** How many sessions were opened since it started. */
  async sessionsOpened(): Promise<number> {
    const port = (await readFile(this.#options.world.file("musubid-metrics.port"), "utf8")).trim();
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const counts = text.matchAll(/^musubi_session_transitions_total\{[^}]*state="CREATED"[^}]*\} (\d+)/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Lets calls under way end, and stops. Sessions are forgotten, links stay. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    await this.#acks.catch(() => undefined);
    await this.#child?.stop();
    this.#acks = Promise.resolve();
  }

  async restart(flags?: Readonly<Record<string, string | number>>): Promise<void> {
    await this.stop();
    await this.start(flags);
  }
}

function flags({ world, port, movable, flags: more = {} }: MusubidOptions): string[] {
  const file = (name: string) => world.file(name);
  const keyring = (name: string) => file(`keys/${name}.keyring`);
  const all: Record<string, string | number> = {
    listen: `127.0.0.1:${port}`,
    metrics_listen: "127.0.0.1:0",
    metrics_port_file: file("musubid-metrics.port"),
    tls_certificate: file("tls/server.crt"),
    tls_private_key: file("tls/server.key"),
    tls_client_ca: file("tls/ca.crt"),
    environment: "SIM",
    anchors: file("anchors.json"),
    hierarchy: file("hierarchy.json"),
    name_issuers: file("name-issuers.json"),
    crl_directory: file("crl"),
    responders: file("responders.json"),
    relying_parties: file("relying-parties.json"),
    service_keyring: keyring("service"),
    card_keyring: keyring("card"),
    evidence_key: keyring("evidence"),
    link_db: file("links.db"),
    person_db: file("persons.db"),
    audit_keyring: keyring("audit"),
    audit_checkpoints: file("audit-checkpoints.jsonl"),
    audit_signing_key: keyring("audit-signing"),
    account_keyring: keyring("account"),
    person_index_keyring: keyring("person-index"),
    person_data_keyring: keyring("person-data"),
    // People who try it out begin more often than people in earnest; tests more still.
    account_sessions_per_hour: movable ? 10_000 : 100,
    network_sessions_per_minute: movable ? 10_000 : 100,
    ...more,
  };
  return written(all);
}

function written(flags: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}
