// What every journey has at hand: the stage, the browser, and people with their devices.
import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Browser } from "playwright-core";
import type { Stage } from "../../stage/stage.ts";
import { type Device, type Locale, type Observer, Person } from "./person.ts";
import { reduce } from "./png.ts";

export interface CastOptions {
  stage: Stage;
  browser: Browser;
  /** Pictures go to its folder screens, those of a failure to failures. */
  out: string;
}

/** One for a whole run. */
export class Cast implements Observer {
  readonly stage: Stage;
  readonly #browser: Browser;
  readonly #out: string;
  readonly #met = new Set<string>();
  readonly #people: Person[] = [];
  readonly #findings: string[] = [];

  constructor({ stage, browser, out }: CastOptions) {
    this.stage = stage;
    this.#browser = browser;
    this.#out = out;
    mkdirSync(path.join(out, "screens"), { recursive: true });
    mkdirSync(path.join(out, "failures"), { recursive: true });
  }

  async person(device: Device, locale: Locale): Promise<Person> {
    const person = await Person.at(this.#browser, device, locale, this);
    this.#people.push(person);
    return person;
  }

  /** After each journey: people leave. Gives what was found wrong with the pages that they met. */
  async curtain(name: string, failed: boolean): Promise<string[]> {
    for (const [index, person] of this.#people.splice(0).entries()) {
      if (failed) {
        this.#findings.push(`${person.device} ${index}: ${await person.describe()}`);
        const file = `${name.replace(/[^\p{L}\p{N}]+/gu, "-")}-${index}-${person.device}.png`;
        await person.page.screenshot({ path: path.join(this.#out, "failures", file) }).catch(() => undefined);
      }
      await person.leave();
    }
    return this.#findings.splice(0);
  }

  async close(): Promise<void> {
    await writeFile(path.join(this.#out, "states.txt"), `${[...this.#met].sort().join("\n")}\n`);
  }

  isNew(name: string): boolean {
    if (this.#met.has(name)) return false;
    this.#met.add(name);
    return true;
  }

  async picture(name: string, png: Buffer): Promise<void> {
    await writeFile(path.join(this.#out, "screens", `${name}.png`), reduce(png));
  }

  finding(text: string): void {
    this.#findings.push(text);
  }
}
