import { expect, test } from "vitest";
import { memoryOn } from "../memory.ts";
import { requestIdOf } from "./request_id.ts";

/** A tab: its storage, and random octets that are all 1, then all 2, ... */
function tab(storage = new Map<string, string>()) {
  let made = 0;
  return {
    memory: memoryOn({
      getItem: (key) => storage.get(key) ?? null,
      setItem: (key, value) => void storage.set(key, value),
      removeItem: (key) => void storage.delete(key),
    }),
    random: (octets: number) => new Uint8Array(octets).fill((made += 1)),
  };
}

const ids = (...octets: number[]) => octets.map((octet) => new Uint8Array(16).fill(octet));

test("A decision keeps its request id over retries and a reload", () => {
  const storage = new Map<string, string>();
  const before = tab(storage);
  expect([requestIdOf(before, "link.a"), requestIdOf(before, "link.a")]).toEqual(ids(1, 1));
  const reloaded = tab(storage);
  reloaded.random(16);
  expect([requestIdOf(reloaded, "link.a")]).toEqual(ids(1));
});

test("Another decision has another request id", () => {
  const services = tab();
  expect(["link.a", "link.b", "link.a"].map((decision) => requestIdOf(services, decision))).toEqual(
    ids(1, 2, 1),
  );
});

test.each(["", "AQ", "A".repeat(44), "<>", 7])(
  "What is kept and is no request id (%j) is not used",
  (kept) => {
    const storage = new Map([["musubi.requestIds", JSON.stringify({ "link.a": kept })]]);
    expect([requestIdOf(tab(storage), "link.a")]).toEqual(ids(1));
  },
);

test("A browser that keeps nothing still gets a request id", () => {
  const services = { ...tab(), memory: memoryOn(null) };
  expect([requestIdOf(services, "link.a")]).toEqual(ids(1));
});

test("“Leave this device” takes it out", () => {
  const services = tab();
  requestIdOf(services, "link.a");
  services.memory.clear();
  expect([requestIdOf(services, "link.a")]).toEqual(ids(2));
});
