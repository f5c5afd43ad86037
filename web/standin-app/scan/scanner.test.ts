import { describe, expect, test } from "vitest";

import { FakeTime } from "../../ui/fake_time.ts";
import type { Sight } from "./machine.ts";
import type { Picture } from "./reader.ts";
import { createScanner, LOOK_EACH_MS, LOOK_FOR_MS, ScanTrouble } from "./scanner.ts";
import type { Capture } from "./scanner.ts";

const NOTHING: Sight = { kind: "NO_QR" };
const LINK: Sight = { kind: "LINK", fragment: "#q=abc" };
const PICTURE: Picture = { data: new Uint8ClampedArray(4), width: 1, height: 1 };

/** A screen whose pictures show, one after another, what the test says. */
function scene(...sights: Sight[]) {
  const time = new FakeTime();
  const log: string[] = [];
  let ended = () => {};
  const capture: Capture = {
    picture: () => PICTURE,
    onEnded: (listener) => (ended = listener),
    close: () => log.push("closed"),
  };
  const parts = {
    capture: () => Promise.resolve(capture),
    decode: () => Promise.resolve(PICTURE),
    loadReader: () => {
      log.push("reader");
      return Promise.resolve(() => {
        log.push("read");
        return sights.shift() ?? NOTHING;
      });
    },
    timer: time,
    open: (fragment: string) => log.push(`open ${fragment}`),
  };
  return { time, log, parts, endThere: () => ended() };
}

async function settle() {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe("the simulated camera", () => {
  test("fetches nothing before it is used", () => {
    const { parts, log } = scene();
    createScanner(parts);
    expect(log).toEqual([]);
  });

  test("reads picture after picture, and stops looking before it opens the link", async () => {
    const { time, log, parts } = scene(NOTHING, LINK);
    createScanner(parts).send({ type: "LOOK" });
    await settle();
    expect(log).toEqual(["reader", "read"]);
    time.advance(LOOK_EACH_MS);
    await settle();
    expect(log).toEqual(["reader", "read", "read", "closed", "open #q=abc"]);
    expect(time.waiting).toBe(0);
  });

  test("stops when the person ends it in the browser's bar", async () => {
    const { time, log, parts, endThere } = scene();
    const scanner = createScanner(parts);
    scanner.send({ type: "LOOK" });
    await settle();
    endThere();
    await settle();
    expect(log).toEqual(["reader", "read", "closed"]);
    expect([scanner.state, time.waiting]).toEqual([{ name: "IDLE", trouble: null }, 0]);
  });

  test("looks no longer than a minute", async () => {
    const { time, log, parts } = scene();
    const scanner = createScanner(parts);
    scanner.send({ type: "LOOK" });
    await settle();
    time.advance(LOOK_FOR_MS);
    await settle();
    expect(log.filter((what) => what === "closed")).toHaveLength(1);
    expect([scanner.state, time.waiting]).toEqual([{ name: "IDLE", trouble: "NO_QR" }, 0]);
  });

  test("a window that is chosen after the person has stopped is not looked at", async () => {
    const { log, parts } = scene(LINK);
    let choose: (() => void) | undefined;
    const { capture } = parts;
    parts.capture = () => new Promise((resolve) => (choose = () => resolve(capture())));
    const scanner = createScanner(parts);
    scanner.send({ type: "LOOK" });
    scanner.send({ type: "STOP" });
    choose?.();
    await settle();
    expect(log).toEqual(["reader", "closed"]);
  });

  test("a window is not looked at by what could not be fetched", async () => {
    const { log, parts } = scene();
    parts.loadReader = () => Promise.reject(new Error("no network"));
    const scanner = createScanner(parts);
    scanner.send({ type: "LOOK" });
    await settle();
    expect([log, scanner.state]).toEqual([["closed"], { name: "IDLE", trouble: "FAILED" }]);
  });

  test.each([
    [new ScanTrouble("REFUSED"), "REFUSED"],
    [new ScanTrouble("UNSUPPORTED"), "UNSUPPORTED"],
    [new Error("no such screen"), "FAILED"],
  ])("says why it cannot look: %s", async (error, trouble) => {
    const { parts } = scene();
    parts.capture = () => Promise.reject(error);
    const scanner = createScanner(parts);
    scanner.send({ type: "LOOK" });
    await settle();
    expect(scanner.state).toEqual({ name: "IDLE", trouble });
  });

  test("reads a picture once; the one chosen last counts", async () => {
    const { log, parts } = scene(NOTHING, LINK);
    const scanner = createScanner(parts);
    scanner.send({ type: "PICTURE", picture: new Blob(["first"]) });
    scanner.send({ type: "PICTURE", picture: new Blob(["second"]) });
    await settle();
    expect(log.filter((what) => what.startsWith("open"))).toEqual(["open #q=abc"]);
  });

  test("a file that is no picture is said to be none", async () => {
    const { parts } = scene();
    parts.decode = () => Promise.reject(new Error("not an image"));
    const scanner = createScanner(parts);
    scanner.send({ type: "PICTURE", picture: new Blob(["text"]) });
    await settle();
    expect(scanner.state).toEqual({ name: "IDLE", trouble: "FAILED" });
  });
});
