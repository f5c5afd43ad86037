import { expect, test } from "vitest";
import { findPin, type Sent } from "./traffic.ts";

function sent(part: Partial<Sent>): Sent {
  const empty = { method: "POST", url: "https://link.localhost:40000/x", headers: {}, body: Buffer.alloc(0) };
  return { ...empty, ...part };
}
const run = (bytes: string) => Buffer.from(bytes).toString("base64");

test.each<[string, Partial<Sent>]>([
  ["in the body", { body: Buffer.from('{"pin":"5678"}') }],
  ["in binary", { body: Buffer.from([0x0a, 0x04, 0x35, 0x36, 0x37, 0x38, 0xff]) }],
  [
    "in base64 of more",
    { body: Buffer.from(JSON.stringify({ proof: run("something 5678 and something more") })) },
  ],
  ["alone in base64", { body: Buffer.from(JSON.stringify({ proof: run("5678") })) }],
  ["in a query", { url: "https://link.localhost:40000/x?pin=5678" }],
  ["in a path, escaped", { url: "https://link.localhost:40000/%35%36%37%38" }],
  ["in a header", { headers: { "x-pin": "5678" } }],
  ["within a long number", { body: Buffer.from("0000000000000005678000000") }],
])("finds a PIN %s", (_, part) => {
  expect(findPin(sent(part), "5678")).not.toEqual([]);
});

test.each<[string, Partial<Sent>]>([
  ["the port", { url: "https://link.localhost:5678/x", headers: { origin: "https://link.localhost:5678" } }],
  [
    "random base64 that looks like it",
    { body: Buffer.from('{"signature":"q83vEjRWeJASNFZ4kL5678zvEjRWeJASNFZ4kKvN"}') },
  ],
  ["nothing", {}],
])("does not take %s for a PIN", (_, part) => {
  expect(findPin(sent(part), "5678")).toEqual([]);
});
