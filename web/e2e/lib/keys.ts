// Hands that have a keyboard and nothing else.
import type { Locator } from "playwright-core";
import type { Person } from "./person.ts";

/** More stops than any page has. */
const MOST_STOPS = 60;

/** Goes on by Tab until it is there; at each stop the focus must be seen. */
export async function tabTo(person: Person, target: Locator): Promise<void> {
  await target.waitFor();
  for (let stop = 0; stop < MOST_STOPS; ++stop) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await person.page.keyboard.press("Tab");
    const hidden = await person.page.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return undefined;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const ringed = outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2;
      const { width, height } = element.getBoundingClientRect();
      return (ringed || boxShadow !== "none") && width > 0 && height > 0 ? undefined : element.outerHTML;
    });
    if (hidden !== undefined) throw new Error(`focus cannot be seen on ${hidden.slice(0, 200)}`);
  }
  throw new Error(`no Tab leads there in ${await person.describe()}`);
}

/** Presses a button, or follows a link. */
export async function enter(person: Person, target: Locator): Promise<void> {
  await tabTo(person, target);
  await person.page.keyboard.press("Enter");
}

export async function typeInto(person: Person, target: Locator, text: string): Promise<void> {
  await tabTo(person, target);
  await person.page.keyboard.type(text);
}
