// What the demo's small programs share: how they read their configuration, say where they listen, and
// stop. The tier has its own (server/config.ts), in the same form.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";

import { z } from "zod";

const file = z.string().min(1);

/** Where a program listens. */
export const ListenSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes a free one. */
  port: z.int().min(0).max(65_535),
  /** Gets the port in decimal once it is open. */
  port_file: file.optional(),
});

/** Certificate chain and key in PEM. */
export const TlsSchema = z.strictObject({ certificate_file: file, key_file: file });

/** `--config FILE`. Ends the process with the usage if it is missing. */
export function configFlag(usage: string): string {
  try {
    const { values } = parseArgs({ options: { config: { type: "string" } } });
    if (values.config !== undefined) return values.config;
    return fail(usage);
  } catch (error) {
    return fail(`${String(error)}\n${usage}`);
  }
}

/** Files that a configuration names, relative to its folder. */
export interface ConfigFiles {
  /** Ends the process if there is no such file. */
  read: (named: string) => string;
  path: (named: string) => string;
}

/** Reads and checks a JSON file. Ends the process with a line for each mistake: file, key, rule. */
export function readConfig<T>(name: string, schema: z.ZodType<T>): { config: T; files: ConfigFiles } {
  const path = (named: string) => resolve(dirname(name), named);
  const read = (named: string): string => {
    try {
      return readFileSync(path(named), "utf8");
    } catch (error) {
      return fail(`${name}: cannot read ${named}: ${String(error)}`);
    }
  };
  let json: unknown;
  try {
    json = JSON.parse(read(resolve(name)));
  } catch (error) {
    return fail(`${name}: is not JSON: ${String(error)}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return { config: result.data, files: { read, path } };
  return fail(
    result.error.issues
      .map((issue) => `${name}: ${issue.path.map(String).join(".") || "the file"}: ${issue.message}`)
      .join("\n"),
  );
}

/** Written under another name first, so that a reader never sees half a number. */
export function writePortFile(name: string | undefined, port: number): void {
  if (name === undefined) return;
  writeFileSync(`${name}.new`, `${port}\n`);
  renameSync(`${name}.new`, name);
}

/** On SIGTERM or SIGINT: closes, then the process ends. */
export function closeOnSignal(close: () => Promise<void>): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void close().finally(() => process.exit(0)));
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
