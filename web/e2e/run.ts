// The one test file: puts up one stage and one browser, plays all journeys, takes both down.
import { readdir } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { Stage } from "../stage/stage.ts";
import { Cast } from "./lib/cast.ts";
import { allJourneys, playJourney } from "./lib/journey.ts";
import { options } from "./lib/options.ts";

const JOURNEYS = path.join(import.meta.dirname, "journeys");
/** Longer than any journey takes on a busy machine. */
const LIMIT_MS = 90_000;
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

for (const file of (await readdir(JOURNEYS)).sort()) await import(path.join(JOURNEYS, file));

void test("in a real browser", async (all) => {
  const { bin, out, name } = options();
  const journeys = allJourneys().filter((journey) => new RegExp(name, "u").test(journey.name));
  if (journeys.length === 0) throw new Error(`no journey's name fits ${name}`);
  const stage = await Stage.create({ directory: path.join(out, "stage"), bin, movable: true });
  try {
    const browser = await chromium.launch(CHROMIUM);
    try {
      const cast = new Cast({ stage, browser, out });
      for (const journey of journeys) {
        await all.test(journey.name, { timeout: LIMIT_MS }, () => playJourney(journey, cast));
      }
      await cast.close();
    } finally {
      await browser.close();
    }
  } finally {
    await stage.stop();
  }
});
