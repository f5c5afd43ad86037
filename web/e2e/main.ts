// Runs the journeys in a real browser: one stage and one browser for all files of e2e/journeys.
//   node e2e/main.ts --bin FOLDER --out FOLDER [--name PATTERN]
import { createWriteStream } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { junit, spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { Stage } from "../stage/stage.ts";
import { openCast } from "./lib/cast.ts";

const JOURNEYS = path.join(import.meta.dirname, "journeys");
const CHROMIUM = {
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
  ],
};

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      bin: { type: "string" },
      out: { type: "string" },
      name: { type: "string" },
      demo: { type: "boolean" },
    },
  });
  const { bin, out } = values;
  if (bin === undefined || out === undefined)
    throw new Error("usage: node e2e/main.ts --bin FOLDER --out FOLDER");
  await mkdir(path.join(out, "results"), { recursive: true });
  const stage = await Stage.create({
    directory: path.join(out, "stage"),
    bin: path.resolve(bin),
    movable: true,
  });
  try {
    const browser = await chromium.launch(CHROMIUM);
    try {
      const cast = openCast({ stage, browser, out });
      const files = (await readdir(JOURNEYS)).filter((file) => file.endsWith(".ts")).sort();
      const paths = files.map((file) => path.join(JOURNEYS, file));
      const passed = await runFiles(paths, out, values.name);
      await cast.close();
      return passed;
    } finally {
      await browser.close();
    }
  } finally {
    await stage.stop();
  }
}

/** One after the other, in this process: they share what is up. */
async function runFiles(files: string[], out: string, name: string | undefined): Promise<boolean> {
  let failed = 0;
  const events = run({
    files,
    isolation: "none",
    concurrency: false,
    ...(name === undefined ? {} : { testNamePatterns: [name] }),
  });
  events.on("test:fail", () => ++failed);
  const xml = createWriteStream(path.join(out, "results/e2e.xml"));
  events.compose<NodeJS.ReadableStream>(junit).pipe(xml);
  events.pipe(new spec()).pipe(process.stdout);
  await finished(xml);
  return failed === 0;
}

process.exitCode = (await main()) ? 0 : 1;
