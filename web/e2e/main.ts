// Runs the journeys in a real browser and writes JUnit XML to OUT/results:
//   node e2e/main.ts --bin FOLDER --out FOLDER [--name PATTERN]
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { junit, spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { setOptions } from "./lib/options.ts";

const { values } = parseArgs({
  options: { bin: { type: "string" }, out: { type: "string" }, name: { type: "string", default: "" } },
});
const { bin, out, name } = values;
if (bin === undefined || out === undefined) {
  throw new Error("usage: node e2e/main.ts --bin FOLDER --out FOLDER [--name PATTERN]");
}
setOptions({ bin: path.resolve(bin), out: path.resolve(out), name });
await mkdir(path.join(out, "results"), { recursive: true });
// Whoever stops us stops what we started: see stage/child.ts.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

// In this process, so that the file sees the options.
const events = run({ files: [path.join(import.meta.dirname, "run.ts")], isolation: "none" });
events.on("test:fail", () => (process.exitCode = 1));
const xml = createWriteStream(path.join(out, "results/e2e.xml"));
events.compose<NodeJS.ReadableStream>(junit).pipe(xml);
events.pipe(new spec()).pipe(process.stdout);
await finished(xml);
