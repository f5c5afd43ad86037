import { expect, test } from "vitest";
import { words as journey } from "../text/journey.ts";
import { words } from "./text.ts";

test("The tab that is to be looked for has the title that is said", () => {
  const said = words.other
    .map((step) => [step.ja, step.en])
    .flat()
    .join();
  expect(said).toContain(`「${journey.returnTitle.ja}」`);
  expect(said).toContain(`“${journey.returnTitle.en}”`);
});
