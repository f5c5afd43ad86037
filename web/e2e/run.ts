// The one test file: puts up a stage for each lane and one browser, plays all journeys, takes all down.
import { readdir } from "node:fs/promises";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { type Browser, chromium } from "playwright-core";
import { Stage } from "../stage/stage.ts";
import { Cast } from "./lib/cast.ts";
import { Gallery } from "./lib/gallery.ts";
import { allJourneys, type Journey, playJourney, readJourneys } from "./lib/journey.ts";
import { options } from "./lib/options.ts";
import { statesToMeet } from "./lib/states.ts";

const JOURNEYS = path.join(import.meta.dirname, "journeys");
/**
 * Files whose journeys are played one after the other. Lanes run beside each other, each on a stage of its
 * own: one may move its time, or end its programs, while another is in the middle of something.
 */
const LANES = { acts: /^(?:10|9\d)_/u, ways: /^(?!10|9\d)/u };
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

for (const file of (await readdir(JOURNEYS)).sort()) await readJourneys(JOURNEYS, file);

async function playLane(
  all: TestContext,
  lane: string,
  journeys: readonly Journey[],
  browser: Browser,
  gallery: Gallery,
) {
  const { bin, out } = options();
  const stage = await Stage.create({ directory: path.join(out, `stage-${lane}`), bin, movable: true });
  try {
    const cast = new Cast({ stage, browser, gallery, out });
    for (const journey of journeys) {
      await all.test(journey.name, { timeout: LIMIT_MS }, () => playJourney(journey, cast));
    }
  } finally {
    await stage.stop();
  }
}

void test("in a real browser", { concurrency: true }, async (all) => {
  const { out, name } = options();
  const journeys = allJourneys().filter((journey) => new RegExp(name, "u").test(journey.name));
  if (journeys.length === 0) throw new Error(`no journey's name fits ${name}`);
  const gallery = new Gallery(out);
  const browser = await chromium.launch(CHROMIUM);
  try {
    const lanes = Object.entries(LANES)
      .map(([lane, files]) => ({ lane, own: journeys.filter(({ file }) => files.test(file)) }))
      .filter(({ own }) => own.length > 0);
    await Promise.all(
      lanes.map(({ lane, own }) =>
        all.test(`lane ${lane}`, (context) => playLane(context, lane, own, browser, gallery)),
      ),
    );
    await gallery.close();
    if (name !== "") return;
    await all.test("every state is met in both languages, on the device where it belongs", () => {
      const missing = statesToMeet().filter((state) => !gallery.met.has(state));
      if (missing.length > 0) throw new Error(`not met: ${missing.join(", ")}`);
    });
  } finally {
    await browser.close();
  }
});
