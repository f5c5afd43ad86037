// What every journey has at hand: the stage, the browser, and people with their devices.
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Browser } from "playwright-core";
import type { Stage } from "../../stage/stage.ts";
import type { Gallery } from "./gallery.ts";
import { type Device, type Locale, type Observer, Person } from "./person.ts";

export interface CastOptions {
  stage: Stage;
  browser: Browser;
  gallery: Gallery;
  /** Pictures of a failure go to its folder failures. */
  out: string;
}

/** One for each lane. */
export class Cast implements Observer {
  readonly stage: Stage;
  readonly gallery: Gallery;
  readonly #browser: Browser;
  readonly #failures: string;
  readonly #people: Person[] = [];
  readonly #findings: string[] = [];

  constructor({ stage, browser, gallery, out }: CastOptions) {
    this.stage = stage;
    this.gallery = gallery;
    this.#browser = browser;
    this.#failures = path.join(out, "failures");
    mkdirSync(this.#failures, { recursive: true });
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
        await person.page.screenshot({ path: path.join(this.#failures, file) }).catch(() => undefined);
      }
      await person.leave();
    }
    return this.#findings.splice(0);
  }

  finding(text: string): void {
    this.#findings.push(text);
  }
}
