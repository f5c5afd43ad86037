// A program that the stage starts: its output goes to a file, readiness is something that can be seen,
// and an early end is an error that shows what the program said.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

/** How often readiness is looked at. */
const LOOK_MS = 20;
/** After that long a program that is not ready never will be: the slowest takes two seconds. */
const READY_MS = 60_000;
/** After that long a program that was asked to end is killed. musubid lets calls take 20 s. */
const STOP_MS = 25_000;
const LOG_LINES = 20;

export interface ChildOptions {
  /** As errors call it. */
  name: string;
  command: string;
  args: readonly string[];
  /** File that standard output and error are appended to. */
  log: string;
  env?: Readonly<Record<string, string>>;
  /** Pipes beside the three standard ones: descriptors 3, 4, ... of the program. */
  pipes?: number;
}

export class StageError extends Error {}

export function lastLines(file: string, count = LOG_LINES): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
  } catch {
    return "";
  }
}

/** What still runs: nothing of it outlives this process, however that ends, unless it is killed outright. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** A running program. Stopped by its pid, never by its name. */
export class Child {
  readonly name: string;
  readonly log: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #end: string | undefined;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.log = options.log;
    const log = openSync(options.log, "a");
    const pipes = Array.from({ length: options.pipes ?? 0 }, () => "pipe" as const);
    this.#process = spawn(options.command, options.args, {
      stdio: ["ignore", log, log, ...pipes],
      env: { ...process.env, ...options.env },
      // A group of its own: ctrl-C reaches the stage, which stops its programs in order.
      detached: true,
    });
    closeSync(log);
    alive.add(this.#process);
    this.#ended = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => {
        alive.delete(this.#process);
        this.#end = signal === null ? `exit code ${code ?? -1}` : `signal ${signal}`;
        resolve();
      });
      this.#process.once("error", (error) => {
        alive.delete(this.#process);
        this.#end = error.message;
        resolve();
      });
    });
  }

  /** Starts a program and waits as `ready` says. A program that does not get ready is stopped. */
  static async start(options: ChildOptions, ready: (child: Child) => Promise<unknown>): Promise<Child> {
    const child = new Child(options);
    try {
      await ready(child);
      return child;
    } catch (error) {
      await child.kill();
      throw error;
    }
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Of the pipes that the options asked for, the first is 0. */
  pipe(index: number): Writable & NodeJS.ReadableStream {
    return this.#process.stdio[3 + index] as Writable & NodeJS.ReadableStream;
  }

  /** Waits until `ready` gives something. StageError if the program ends before, or takes too long. */
  async until<T>(what: string, ready: () => Promise<T | undefined>): Promise<T> {
    const limit = AbortSignal.timeout(READY_MS);
    for (;;) {
      const found = await ready();
      if (found !== undefined) return found;
      if (!this.running) throw this.#error(`ended (${this.#end ?? ""}) before ${what}`);
      if (limit.aborted) throw this.#error(`is not ready after ${READY_MS / 1000} s: ${what}`);
      await delay(LOOK_MS);
    }
  }

  /** Waits for a file with a port in its first line. */
  async untilPort(file: string): Promise<number> {
    return this.until(`it wrote its port to ${file}`, async () => {
      const text = await readFile(file, "utf8").catch(() => "");
      return text.includes("\n") || /^\d+$/.test(text) ? Number.parseInt(text, 10) : undefined;
    });
  }

  /** Waits until it takes connections on a port of loopback. */
  async untilAccepts(port: number): Promise<void> {
    await this.until(`it listened on port ${port}`, async () => {
      const socket = connect(port, "127.0.0.1");
      try {
        await once(socket, "connect");
        return true;
      } catch {
        return undefined;
      } finally {
        socket.destroy();
      }
    });
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.#process.kill(name);
  }

  /** Asks it to end and waits; kills it if it does not. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.#process.kill("SIGTERM");
    const kill = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS);
    await this.#ended;
    clearTimeout(kill);
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    if (!this.running) return;
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Waits for its end; the error says how that came. */
  async untilEnd(): Promise<StageError> {
    await this.#ended;
    return this.#error(`ended (${this.#end ?? ""})`);
  }

  #error(text: string): StageError {
    const said = lastLines(this.log);
    return new StageError(
      `${this.name} ${text}\n${said === "" ? "It said nothing." : `It said (${this.log}):\n${said}`}`,
    );
  }
}

/** Runs a program to its end and gives its standard output. StageError, with what it said, if it fails. */
export async function runToEnd(name: string, command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (error) => reject(new StageError(`${name}: ${error.message}`)));
    child.once("close", resolve);
  });
  if (code !== 0) throw new StageError(`${name} failed (${code ?? "signal"}):\n${(err + out).trimEnd()}`);
  return out;
}
