// One journey: people meet pages. It fails, too, if a page that they met has a violation of axe's, broke
// its own CSP, or threw.
import path from "node:path";
import type { Cast } from "./cast.ts";

export interface Journey {
  name: string;
  /** Name of the file that it is in. */
  file: string;
  play: (cast: Cast) => Promise<void>;
}

const journeys: Journey[] = [];
let reading = "";

/** Names a journey; the files of e2e/journeys do, e2e/run.ts plays them. */
export function journey(name: string, play: (cast: Cast) => Promise<void>): void {
  journeys.push({ name, file: reading, play });
}

/** Reads a file of journeys. */
export async function readJourneys(folder: string, file: string): Promise<void> {
  reading = file;
  await import(path.join(folder, file));
}

/** All that were named, in that order. */
export function allJourneys(): readonly Journey[] {
  return journeys;
}

/** Plays one. Throws what went wrong, with what was found wrong with the pages. */
export async function playJourney({ name, play }: Journey, cast: Cast): Promise<void> {
  let wrong: unknown;
  try {
    await play(cast);
  } catch (error) {
    wrong = error;
  }
  const findings = await cast.curtain(name, wrong !== undefined);
  // Pages count time by the machine's clock: the next journey finds both the same.
  if (cast.stage.musubid.ahead > 0) await cast.stage.musubid.restart();
  if (wrong !== undefined) {
    const message = wrong instanceof Error ? wrong.message : "failed";
    throw new Error([message, ...findings].join("\n"), { cause: wrong });
  }
  if (findings.length > 0) throw new Error(findings.join("\n"));
}
