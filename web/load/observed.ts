// What a server process costs: memory and processor time by /proc, event loop and heap by its own metrics.
import { readFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { systemClock } from "../shared/clock.ts";

/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;
const PAGE = 4_096;
/** What Node's monitor adds to each delay: it looks so often. */
const LOOP_RESOLUTION_MS = 10;
const SCRAPE_MS = 5_000;

export interface Usage {
  rssMiB: number;
  cpuSeconds: number;
}

export function usageOf(pid: number): Usage {
  // After the name in parentheses, which may hold anything; utime is the 14th field of all.
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  const field = (number: number): number => Number(fields[number - 3]);
  return { rssMiB: (field(24) * PAGE) / 2 ** 20, cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND };
}

/** Seconds of all processors that were not idle, and those that the hypervisor took. */
function machineUsage(): { busy: number; stolen: number } {
  const line = readFileSync("/proc/stat", "latin1").split("\n")[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, stolen = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const seconds = (ticks: number): number => ticks / TICKS_PER_SECOND;
  return { busy: seconds(user + nice + system + irq + soft), stolen: seconds(stolen) };
}

/** What the figures were taken on, as bench/report.h says it. */
export class Machine {
  readonly #from = machineUsage();
  readonly #begun = performance.now();

  static begin(): Machine {
    return new Machine();
  }

  end(commit: string): Record<string, string | number> {
    const to = machineUsage();
    const seconds = (performance.now() - this.#begun) / 1_000;
    const rounded = (value: number): number => Math.round(Math.max(0, value) * 100) / 100;
    return {
      cpu: /^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "latin1"))?.[1] ?? "unknown",
      cores: cpus().length,
      kernel: `${type()} ${release()}`,
      compiler: `Node ${process.versions.node}`,
      openssl: process.versions.openssl,
      commit,
      date: `${new Date(systemClock.now()).toISOString().slice(0, 16).replace("T", " ")} UTC`,
      other_cores: rounded((to.busy - this.#from.busy - ownSeconds()) / seconds),
      stolen_cores: rounded((to.stolen - this.#from.stolen) / seconds),
    };
  }
}

/** This process and the programs that it started and that have ended. */
function ownSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1]?.split(" ") ?? [];
  // utime, stime, cutime, cstime.
  return [14, 15, 16, 17].reduce((all, field) => all + Number(fields[field - 3]), 0) / TICKS_PER_SECOND;
}

export interface Loop {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** The least that was in use: mostly just after a collection. */
  heapMiB: number;
  rssMaxMiB: number;
}

/** Looks at a Node server that has web/server's metrics until `stop`. */
export class Observer {
  readonly #port: number;
  readonly #pid: number;
  readonly #seen: Loop[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(port: number, pid: number) {
    this.#port = port;
    this.#pid = pid;
  }

  static async start(port: number, pid: number): Promise<Observer> {
    const observer = new Observer(port, pid);
    // Each look begins the monitor anew.
    await observer.#look();
    observer.#timer = setInterval(
      () => void observer.#look().then((loop) => observer.#seen.push(loop)),
      SCRAPE_MS,
    );
    return observer;
  }

  async stop(): Promise<Loop> {
    clearInterval(this.#timer);
    this.#seen.push(await this.#look());
    const all = (of: (loop: Loop) => number): number[] => this.#seen.map(of);
    return {
      p50Ms: Math.max(...all((loop) => loop.p50Ms)),
      p99Ms: Math.max(...all((loop) => loop.p99Ms)),
      maxMs: Math.max(...all((loop) => loop.maxMs)),
      heapMiB: Math.min(...all((loop) => loop.heapMiB)),
      rssMaxMiB: Math.max(...all((loop) => loop.rssMaxMiB)),
    };
  }

  async #look(): Promise<Loop> {
    const metrics = await scrape(this.#port);
    const lag = (name: string): number =>
      Math.max(0, (metrics.get(`nodejs_eventloop_lag_${name}_seconds`) ?? 0) * 1_000 - LOOP_RESOLUTION_MS);
    return {
      p50Ms: lag("p50"),
      p99Ms: lag("p99"),
      maxMs: lag("max"),
      heapMiB: (metrics.get("nodejs_heap_size_used_bytes") ?? 0) / 2 ** 20,
      rssMaxMiB: usageOf(this.#pid).rssMiB,
    };
  }
}

/** Metrics without labels. */
export async function scrape(port: number): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const lines = (await response.text()).split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^(\w+) (\S+)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(value)] as const];
    }),
  );
}
