import { describe, expect, it } from "vitest";
import { countingRandom } from "./testing.ts";
import { newRequestId, traceId, traceparentOf } from "./trace.ts";

const GOOD = `00-${"a1".repeat(16)}-${"b2".repeat(8)}-01`;

describe("a trace", () => {
  it("of the caller is passed on", () => {
    expect(traceparentOf(GOOD, countingRandom())).toBe(GOOD);
    expect(traceId(GOOD)).toBe("a1".repeat(16));
  });

  it.each([
    ["none", undefined],
    ["two", [GOOD, GOOD]],
    ["another version", GOOD.replace(/^00/, "01")],
    ["no trace", GOOD.replace(/a1/g, "00")],
    ["no parent", GOOD.replace(/b2/g, "00")],
    ["capitals", GOOD.toUpperCase()],
    ["more behind it", `${GOOD}-x`],
    ["a line break", `${GOOD}\n`],
  ])("is made in place of %s", (_, given) => {
    const made = traceparentOf(given, countingRandom());
    expect(made).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(made).not.toContain("a1a1");
  });

  it("and each request have a name of their own", () => {
    const random = countingRandom();
    expect(newRequestId(random)).not.toBe(newRequestId(random));
    expect(newRequestId(random)).toMatch(/^web-[0-9a-f]{16}$/);
  });
});
