// docs/web.md names every key, limit, cookie and metric that there is.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configKeys } from "./config.ts";
import { COOKIES } from "./cookies.ts";
import { Metrics } from "./metrics.ts";

const document = readFileSync(new URL("../../docs/web.md", import.meta.url), "utf8");

test.each([
  ...configKeys(),
  ...Object.values(COOKIES).map(({ name }) => name),
  ...new Metrics().registry.getMetricsAsArray().map(({ name }) => name),
])("docs/web.md explains %s", (name) => {
  expect(document).toContain(`\`${name}\``);
});
