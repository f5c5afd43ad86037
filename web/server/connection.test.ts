import { EventEmitter } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import { expect, test } from "vitest";
import { SteadyConnection } from "./connection.ts";

test("an error of a connection that the manager has let go does not end the process", async () => {
  const session = new EventEmitter();
  const stream = { session } as unknown as ClientHttp2Stream;
  const connection = new SteadyConnection({
    authority: "https://services.mihon.example",
    request: () => Promise.resolve(stream),
    notifyResponseByteRead: () => undefined,
  });
  for (let call = 0; call < 3; ++call) {
    expect(await connection.request("POST", "/", {}, {})).toBe(stream);
  }
  expect(session.listenerCount("error")).toBe(1);
  expect(session.emit("error", new Error("GOAWAY"))).toBe(true);
});
