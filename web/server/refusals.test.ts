import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { forBrowser } from "./refusals.ts";

/** As Node's errors are: a text and a code. */
function nodeError(code: string): Error {
  return Object.assign(new Error("of Node's own"), { code });
}

test.each(["ERR_STREAM_PREMATURE_CLOSE", "ERR_HTTP2_STREAM_ERROR", "ECONNRESET", "ECONNREFUSED", "EPIPE"])(
  "%s while an answer is read is a connection that broke: ask again with the same request id",
  (code) => {
    const seen = forBrowser(ConnectError.from(nodeError(code)));
    expect([seen.reason, seen.code]).toEqual(["UNAVAILABLE", Code.Unavailable]);
  },
);

test.each([nodeError("ERR_INVALID_ARG_TYPE"), new TypeError("of ours"), "a text"])(
  "%s is a fault of ours",
  (error) => {
    expect(forBrowser(error).reason).toBe("INTERNAL");
  },
);
