import { describe, expect, it } from "vitest";
import { Rates } from "./rates.ts";
import { FakeClock } from "./testing.ts";

describe("a rate", () => {
  it("allows a burst, then as many as time has earned, and says how long to wait", () => {
    const clock = new FakeClock();
    const rates = new Rates(clock, { perSecond: 4, burst: 3, most: 10 });
    expect([1, 2, 3, 4].map(() => rates.take("a"))).toEqual([0, 0, 0, 250]);
    clock.advance(249);
    expect(rates.take("a")).toBe(1);
    clock.advance(1);
    expect(rates.take("a")).toBe(0);
    expect(rates.take("a")).toBe(250);
  });

  it("saves no more than the burst", () => {
    const clock = new FakeClock();
    const rates = new Rates(clock, { perSecond: 4, burst: 3, most: 10 });
    rates.take("a");
    clock.advance(3_600_000);
    expect([1, 2, 3, 4].map(() => rates.take("a") > 0)).toEqual([false, false, false, true]);
  });

  it("gives nothing for a clock that goes back", () => {
    const clock = new FakeClock();
    const rates = new Rates(clock, { perSecond: 1, burst: 1, most: 10 });
    rates.take("a");
    clock.advance(-60_000);
    expect(rates.take("a")).toBeGreaterThan(0);
  });

  it("remembers so many and no more: the one not seen for longest goes", () => {
    const rates = new Rates(new FakeClock(), { perSecond: 1, burst: 1, most: 2 });
    rates.take("a");
    rates.take("b");
    rates.take("a");
    rates.take("c");
    expect(rates.size).toBe(2);
    expect(rates.take("a")).toBeGreaterThan(0);
    expect(rates.take("b")).toBe(0);
  });
});
