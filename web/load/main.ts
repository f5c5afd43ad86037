// `scripts/bench web`: 500 PCs that watch over one tier, readers that read nothing, services and tier
// restarted under them. Prints a table; writes figures in the form of bench/report.h.
//   node load/main.ts --bin FOLDER --directory FOLDER --out FILE --commit TEXT [--pcs N] [--seconds N]
//       [--repetitions N] [--slow N]
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { StageError } from "../stage/child.ts";
import { Table } from "./figures.ts";
import { Machine, Observer, scrape, usageOf } from "./observed.ts";
import type { Pc, Streams } from "./pc.ts";
import { type NodeServer, Scene } from "./scene.ts";
import { preciseNow, Watcher } from "./watcher.ts";

/** All connections are there, compilers have warmed up. */
const SETTLE_MS = 5_000;
/** PCs come one after the other: nobody opens 500 pages in the same millisecond. */
const RAMP_MS = 4;
/** limits.stalled_seconds is 30; a view comes at once and a heartbeat after 20 s. */
const SLOW_MS = 45_000;
const BACK_LIMIT_MS = 60_000;

interface Options {
  pcs: number;
  seconds: number;
  repetitions: number;
  slow: number;
}

class Bench {
  readonly #scene: Scene;
  readonly #options: Options;
  readonly #table: Table;

  constructor(scene: Scene, options: Options, table: Table) {
    this.#scene = scene;
    this.#options = options;
    this.#table = table;
  }

  async run(): Promise<void> {
    const subjects = [() => this.#tier(), () => this.#echo(), () => this.#musubid()];
    for (let repetition = 0; repetition < this.#options.repetitions; ++repetition) {
      for (let turn = 0; turn < subjects.length; ++turn) {
        await subjects[(repetition + turn) % subjects.length]?.();
      }
      console.log(`repetition ${repetition + 1} of ${this.#options.repetitions}`);
      console.log(this.#table.text());
    }
  }

  /** The tier: everybody reads; some do not; musubid restarts; the tier restarts. */
  async #tier(): Promise<void> {
    const { pcs: count, slow } = this.#options;
    const sessions = await this.#scene.openSessions(count + slow);
    let server = await this.#scene.startNode("tier", "server/main.ts");
    const pcs = await this.#scene.pcs(sessions, (index) => (index < count ? undefined : 0));
    const idOf = (index: number): Uint8Array => sessions[index]?.id ?? new Uint8Array();
    const readers = pcs.slice(0, count).map((pc, index) => new Watcher(pc, idOf(index)));
    try {
      await this.#watch("tier", server, readers);
      await this.#slow(server, readers, () => {
        pcs.slice(count).forEach((pc, index) => askAndIgnore(pc, idOf(count + index)));
      });
      await this.#restart("musubid", readers, async () => {
        await this.#scene.musubid.stop();
        const stopped = preciseNow();
        await this.#scene.musubid.start();
        return stopped;
      });
      await this.#restart("tier", readers, async () => {
        await server.child.stop();
        const stopped = preciseNow();
        server = await this.#scene.startNode("tier", "server/main.ts");
        return stopped;
      });
    } finally {
      closeAll(readers, pcs);
      await server.child.stop();
    }
  }

  async #echo(): Promise<void> {
    const sessions = await this.#scene.openSessions(0);
    const server = await this.#scene.startNode("echo", "load/echo.ts");
    const none = {
      id: new Uint8Array(16),
      credential: new Uint8Array(32),
      expiresAt: preciseNow() + 3_600_000,
    };
    sessions.push(...Array.from({ length: this.#options.pcs }, () => none));
    const pcs = await this.#scene.pcs(sessions, () => undefined);
    const watchers = pcs.map((pc) => new Watcher(pc, none.id));
    try {
      await this.#watch("echo", server, watchers);
    } finally {
      closeAll(watchers, pcs);
      await server.child.stop();
    }
  }

  /** musubid alone, on one connection, as the tier asks it. */
  async #musubid(): Promise<void> {
    const sessions = await this.#scene.openSessions(this.#options.pcs);
    const watchers = sessions.map((session) => new Watcher(this.#scene.direct(session), session.id));
    try {
      await this.#watch("musubid", undefined, watchers);
    } finally {
      closeAll(watchers, []);
    }
  }

  async #watch(name: string, server: NodeServer | undefined, watchers: readonly Watcher[]): Promise<void> {
    const { pcs, seconds } = this.#options;
    const pid = server?.child.pid ?? this.#scene.musubid.pid;
    const empty = server === undefined ? undefined : await scrape(server.metricsPort);
    const before = usageOf(pid);
    await startAll(watchers);
    const observer = server === undefined ? undefined : await Observer.start(server.metricsPort, pid);
    const from = usageOf(pid);
    for (const watcher of watchers) watcher.reset();
    await delay(seconds * 1_000);
    const seen = summary(watchers);
    const to = usageOf(pid);
    const loop = await observer?.stop();
    const add = (row: string, unit: string, value: number): void =>
      this.#table.add(`${name}_${row}`, unit, value);
    add("frames", "frames/s a PC", seen.frames / seconds / pcs);
    add("gaps", "frames", seen.gaps);
    add("delay_p50", "ms", seen.p50);
    add("delay_p99", "ms", seen.p99);
    add("delay_max", "ms", seen.max);
    add("cpu", "ms of CPU a second and PC", ((to.cpuSeconds - from.cpuSeconds) * 1_000) / seconds / pcs);
    if (loop === undefined || empty === undefined) return;
    add("memory_before", "MiB", before.rssMiB);
    add("memory_with_pcs", "MiB", from.rssMiB);
    add("memory_end", "MiB", to.rssMiB);
    add("memory_a_pc", "KiB", ((to.rssMiB - before.rssMiB) * 1_024) / pcs);
    const heapBefore = (empty.get("nodejs_heap_size_used_bytes") ?? 0) / 2 ** 20;
    add("heap_a_pc", "KiB", ((loop.heapMiB - heapBefore) * 1_024) / pcs);
    add("loop_p50", "ms", loop.p50Ms);
    add("loop_p99", "ms", loop.p99Ms);
    add("loop_max", "ms", loop.maxMs);
  }

  /** More PCs come, who read nothing at all. */
  async #slow(server: NodeServer, readers: readonly Watcher[], come: () => void): Promise<void> {
    const pid = server.child.pid ?? 0;
    const before = usageOf(pid);
    const observer = await Observer.start(server.metricsPort, pid);
    for (const reader of readers) reader.reset();
    const stalledBefore = await scrape(server.metricsPort);
    come();
    await delay(SLOW_MS);
    const seen = summary(readers);
    const loop = await observer.stop();
    const stalled = await scrape(server.metricsPort);
    const cut = (metrics: Map<string, number>): number =>
      metrics.get("musubi_web_streams_stalled_total") ?? 0;
    this.#table.add("slow_streams_cut_off", "streams", cut(stalled) - cut(stalledBefore));
    this.#table.add("slow_memory_more", "MiB", loop.rssMaxMiB - before.rssMiB);
    this.#table.add("slow_others_gaps", "frames", seen.gaps);
    this.#table.add("slow_others_delay_p99", "ms", seen.p99);
    this.#table.add("slow_others_delay_max", "ms", seen.max);
  }

  /** `restart` gives when the program had stopped. */
  async #restart(name: string, readers: readonly Watcher[], restart: () => Promise<number>): Promise<void> {
    for (const reader of readers) reader.expectReturn();
    const asked = preciseNow();
    const stopped = await restart();
    const listens = preciseNow();
    const limit = AbortSignal.timeout(BACK_LIMIT_MS);
    while (!limit.aborted && !readers.every((reader) => reader.isBack || reader.refused !== undefined)) {
      await delay(20);
    }
    const back = readers
      .filter((reader) => reader.isBack)
      .map((reader) => Math.max(reader.frameBackAt ?? 0, reader.viewBackAt ?? 0));
    const seconds = (at: number): number => (at - asked) / 1_000;
    const add = (row: string, unit: string, value: number): void =>
      this.#table.add(`${name}_restart_${row}`, unit, value);
    add("stopped", "s", seconds(stopped));
    add("listens", "s", seconds(listens));
    add("back_p50", "s", seconds(quantile(back, 0.5)));
    add("back_max", "s", seconds(quantile(back, 1)));
    add("back", "PCs", back.length);
    const reasons = readers.flatMap((reader) => reader.refused ?? []);
    add("refused", "PCs", reasons.length);
    if (reasons.length > 0) console.error(`refused: ${[...new Set(reasons)].join(", ")}`);
    await delay(SETTLE_MS);
  }
}

async function startAll(watchers: readonly Watcher[]): Promise<void> {
  for (const watcher of watchers) {
    watcher.start();
    await delay(RAMP_MS);
  }
  await delay(SETTLE_MS);
}

/** Opens a page's streams as a browser does that hangs: asks, and takes nothing. */
function askAndIgnore({ pairing, session }: Streams, sessionId: Uint8Array): void {
  for (const stream of [pairing.watchQrFrames({ sessionId }), session.watchSession({ sessionId })]) {
    void stream[Symbol.asyncIterator]()
      .next()
      .catch(() => undefined);
  }
}

function closeAll(watchers: readonly Watcher[], pcs: readonly Pc[]): void {
  for (const watcher of watchers) watcher.stop();
  for (const pc of pcs) pc.close();
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function summary(watchers: readonly Watcher[]): {
  frames: number;
  gaps: number;
  p50: number;
  p99: number;
  max: number;
} {
  const sum = (of: (watcher: Watcher) => number): number => watchers.reduce((all, one) => all + of(one), 0);
  const delays = watchers.flatMap((watcher) => watcher.delays);
  return {
    frames: sum((watcher) => watcher.frames),
    gaps: sum((watcher) => watcher.gaps),
    p50: quantile(delays, 0.5),
    p99: quantile(delays, 0.99),
    max: quantile(delays, 1),
  };
}

/** A whole number of at least 1. */
function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1`);
  return value;
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      bin: text,
      directory: text,
      out: text,
      commit: { ...text, default: "unknown" },
      pcs: { ...text, default: "500" },
      slow: { ...text, default: "50" },
      seconds: { ...text, default: "20" },
      repetitions: { ...text, default: "3" },
    },
  });
  const { bin, directory, out, commit } = values;
  if (bin === undefined || directory === undefined || out === undefined) {
    throw new Error("usage: node load/main.ts --bin FOLDER --directory FOLDER --out FILE");
  }
  const options: Options = {
    pcs: count("pcs", values.pcs),
    slow: count("slow", values.slow),
    seconds: count("seconds", values.seconds),
    repetitions: count("repetitions", values.repetitions),
  };
  const table = new Table();
  const machine = Machine.begin();
  const scene = await Scene.create(path.resolve(directory), path.resolve(bin));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void scene.stop().finally(() => process.exit(1)));
  }
  try {
    await new Bench(scene, options, table).run();
  } finally {
    await scene.stop();
  }
  const report = {
    machine: machine.end(commit),
    notes: notes(options),
    results: table.rows(),
    absent: [],
    targets: [],
  };
  await writeFile(out, `${JSON.stringify(report, undefined, 2)}\n`);
}

function notes({ pcs, slow, seconds }: Options): string[] {
  return [
    `${pcs} PCs, each with a session and an HTTP/2 connection over TLS of its own, and the two streams of the page ` +
      `(WatchQrFrames, WatchSession) by Connect, for ${seconds} s; ${slow} more who read nothing. One tier process with ` +
      "the default limits, musubid with sessions on Redis, and the PCs in one process more, all on this machine.",
  ];
}

main().catch((error: unknown) => {
  console.error(error instanceof StageError ? error.message : error);
  process.exitCode = 1;
});
