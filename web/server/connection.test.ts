import { EventEmitter, once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import { PassThrough } from "node:stream";
import { connect, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { SteadyConnection } from "./connection.ts";

test("an error of a connection that the manager has let go does not end the process", async () => {
  const session = new EventEmitter();
  const stream = Object.assign(new PassThrough(), { session }) as unknown as ClientHttp2Stream;
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

test("an answer that came whole before anybody read it is not lost", async () => {
  // As gRPC's C++ server: the answer, and at once the end of a stream whose request is not over.
  const server = createServer();
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    stream.end("the answer");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const connection = new SteadyConnection({
    authority: "http://127.0.0.1",
    request: (method, path) =>
      Promise.resolve(session.request({ ":method": method, ":path": path }, { endStream: true })),
    notifyResponseByteRead: () => undefined,
  });
  const stream = await connection.request("POST", "/", {}, {});
  await once(stream, "close");
  let answer = "";
  for await (const octets of stream) answer += String(octets);
  expect(answer).toBe("the answer");
  session.close();
  await new Promise((resolve) => server.close(resolve));
});
