import { describe, expect, test } from "vitest";
import type { BrowserState } from "../shared/page.ts";
import { FakeTime } from "../ui/fake_time.ts";
import { isSignedInSince, needsSignIn, takePress } from "./begin.ts";
import type { BeginAct } from "./begin.ts";
import { guessWay } from "./device.ts";
import type { Device } from "./device.ts";
import { memoryOn } from "./memory.ts";
import { pageOf } from "./app.tsx";
import { TierClock } from "./services.ts";

const NOW = Date.UTC(2026, 10, 27);

function signedIn(ageMs: number): NonNullable<BrowserState["signedIn"]> {
  return {
    accountHint: "sh***",
    accountName: "shiken-ichigo",
    authTime: new Date(NOW - ageMs).toISOString(),
    fresh: true,
    until: new Date(NOW + 600_000).toISOString(),
  };
}

function storage() {
  const map = new Map<string, string>();
  return {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  };
}

describe("does a press need a sign-in first?", () => {
  const table: [string, BeginAct, "ACCOUNT" | "CARD", BrowserState["signedIn"], boolean][] = [
    ["link, account first, signed out", "LINK", "ACCOUNT", null, true],
    ["link, account first, just signed in", "LINK", "ACCOUNT", signedIn(60_000), false],
    ["link, account first, signed in a while ago", "LINK", "ACCOUNT", signedIn(301_000), true],
    [
      "link, account first, an earlier sign-in elsewhere",
      "LINK",
      "ACCOUNT",
      { ...signedIn(60_000), fresh: false },
      true,
    ],
    ["link, card first", "LINK", "CARD", null, false],
    ["unlink, always", "UNLINK", "CARD", signedIn(0), true],
    ["replace, always", "REPLACE", "ACCOUNT", signedIn(0), true],
  ];
  test.each(table)("%s", (_name, act, first, state, needed) => {
    expect(needsSignIn(act, first, state, NOW)).toBe(needed);
  });
});

describe("a press that a sign-in interrupts", () => {
  const press = { act: "LINK", way: "other", until: NOW + 900_000 } as const;
  test("goes on when the person is back, once", () => {
    const services = { memory: memoryOn(storage()), clock: new FakeTime(NOW) };
    services.memory.set("begin", press);
    const state = { session: null, signedIn: signedIn(0) };
    expect(takePress(services, state)).toEqual({ act: "LINK", way: "other" });
    expect(takePress(services, state)).toBeNull();
  });
  test("waits while nobody is signed in", () => {
    const services = { memory: memoryOn(storage()), clock: new FakeTime(NOW) };
    services.memory.set("begin", press);
    expect(takePress(services, { session: null, signedIn: null })).toBeNull();
    expect(services.memory.get("begin")).toEqual(press);
  });
  test("is forgotten after a quarter of an hour", () => {
    const services = { memory: memoryOn(storage()), clock: new FakeTime(NOW + 900_001) };
    services.memory.set("begin", press);
    expect(takePress(services, { session: null, signedIn: signedIn(0) })).toBeNull();
  });
  test("nobody has pressed: nothing begins", () => {
    const services = { memory: memoryOn(storage()), clock: new FakeTime(NOW) };
    expect(takePress(services, { session: null, signedIn: signedIn(0) })).toBeNull();
  });
});

describe("a sign-in since the page asked for it", () => {
  const session = { id: "abc", act: "LINK" as const, expiresAt: "" };
  const old = signedIn(60_000);
  const table: [string, string, string | null, BrowserState, boolean][] = [
    ["a newer one", "abc", old.authTime, { session, signedIn: signedIn(0) }, true],
    ["the first one", "abc", null, { session, signedIn: signedIn(0) }, true],
    ["the same one", "abc", old.authTime, { session, signedIn: old }, false],
    ["none", "abc", null, { session, signedIn: null }, false],
    ["for another session", "xyz", old.authTime, { session, signedIn: signedIn(0) }, false],
    ["without a session", "abc", old.authTime, { session: null, signedIn: signedIn(0) }, false],
  ];
  test.each(table)("%s", (_name, sessionId, authTimeBefore, state, counts) => {
    const memory = memoryOn(storage());
    memory.set("signIn", { sessionId, purpose: "RESUME", authTimeBefore });
    expect(isSignedInSince({ memory }, state)).toBe(counts);
  });
  test("nobody asked", () => {
    expect(isSignedInSince({ memory: memoryOn(storage()) }, { session, signedIn: signedIn(0) })).toBe(false);
  });
});

describe("memory", () => {
  test("without storage, and with what cannot be read, there is nothing", () => {
    expect(memoryOn(null).get("way")).toBeNull();
    const broken = storage();
    broken.setItem("musubi.way", "{");
    expect(memoryOn(broken).get("way")).toBeNull();
  });
  test("leaving takes everything", () => {
    const memory = memoryOn(storage());
    memory.set("way", "this");
    memory.set("left", true);
    memory.clear();
    expect(memory.get("way")).toBeNull();
    expect(memory.get("left")).toBeNull();
  });
});

describe("the guess at the device", () => {
  const plain: Device = {
    coarsePointer: false,
    screenShortSide: 1080,
    mobileHint: null,
    userAgent: "",
    maxTouchPoints: 0,
  };
  const phone = { coarsePointer: true, screenShortSide: 390, maxTouchPoints: 5 };
  const table: [string, Partial<Device>, "this" | "other"][] = [
    ["an iPhone", { ...phone, userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)" }, "this"],
    ["an Android phone", { ...phone, userAgent: "Mozilla/5.0 (Linux; Android 15; K) Mobile Safari" }, "this"],
    ["an Android phone that says so", { ...phone, mobileHint: true }, "this"],
    ["a PC", { userAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64)" }, "other"],
    ["a PC that says so", { mobileHint: false }, "other"],
    ["a PC with a touch screen", { mobileHint: false, coarsePointer: true, maxTouchPoints: 10 }, "other"],
    ["an iPad, which calls itself a Mac", { ...phone, userAgent: "Mozilla/5.0 (Macintosh; Intel)" }, "other"],
    ["an Android tablet", { ...phone, userAgent: "Mozilla/5.0 (Linux; Android 15; K) Safari" }, "other"],
    ["an unknown phone", { ...phone, userAgent: "Something" }, "this"],
    ["an unknown PC", { userAgent: "Something" }, "other"],
  ];
  test.each(table)("%s", (_name, device, way) => {
    expect(guessWay({ ...plain, ...device })).toBe(way);
  });
  test("zoom changes nothing: no size of the window is asked for", () => {
    const keys: (keyof Device)[] = [
      "coarsePointer",
      "screenShortSide",
      "mobileHint",
      "userAgent",
      "maxTouchPoints",
    ];
    expect(Object.keys(plain).sort()).toEqual([...keys].sort());
  });
});

describe("pages", () => {
  test.each([
    ["/", "/"],
    ["/journey", "/journey"],
    ["/journey/", "/journey"],
    ["/my", "/my"],
    ["/nothing", null],
    ["//evil.example", null],
  ])("%s", (path, page) => {
    expect(pageOf(path)).toBe(page);
  });
});

describe("the tier's clock", () => {
  test("is believed when the PC's is wrong, and not over a second or so", () => {
    const own = new FakeTime(NOW);
    const clock = new TierClock(own);
    clock.set(NOW + 1500);
    expect(clock.now()).toBe(NOW);
    clock.set(NOW + 600_000);
    expect(clock.now()).toBe(NOW + 600_000);
    own.advance(1000);
    expect(clock.now()).toBe(NOW + 601_000);
  });
});
