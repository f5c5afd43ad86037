// The states that were met in a run, each with its picture: one for all lanes.
import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { reduce } from "./png.ts";

export class Gallery {
  readonly #screens: string;
  readonly #list: string;
  readonly #met = new Set<string>();

  /** Pictures go to the folder screens of `out`. */
  constructor(out: string) {
    this.#screens = path.join(out, "screens");
    this.#list = path.join(out, "states.txt");
    mkdirSync(this.#screens, { recursive: true });
  }

  /** Takes a state for looking at; false if somebody has. */
  take(name: string): boolean {
    if (this.#met.has(name)) return false;
    this.#met.add(name);
    return true;
  }

  /** It was gone before it could be looked at. */
  giveBack(name: string): void {
    this.#met.delete(name);
  }

  async hang(name: string, png: Buffer): Promise<void> {
    await writeFile(path.join(this.#screens, `${name}.png`), reduce(png));
  }

  get met(): ReadonlySet<string> {
    return this.#met;
  }

  async close(): Promise<void> {
    await writeFile(this.#list, `${[...this.#met].sort().join("\n")}\n`);
  }
}
