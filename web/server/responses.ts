// Two things that Node's responses do not do by themselves, for streams: say when octets have left, and
// end without anybody reading.
import { constants, type Http2ServerRequest } from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";

/** Makes `write` ask its caller to wait until the octets were sent. By itself it lets 64 KiB wait in each
 *  stream first: five minutes of QR frames, which a reader would get one after the other. */
export function writeThrough(response: ServerResponse): void {
  const write = response.write.bind(response) as (
    chunk: unknown,
    encoding: BufferEncoding,
    sent: (error?: Error | null) => void,
  ) => boolean;
  const waiting = (chunk: unknown, encoding: BufferEncoding, sent: (error?: Error | null) => void): false => {
    write(chunk, encoding, (error) => {
      if (error) sent(gone());
      else response.emit("drain");
    });
    return false;
  };
  response.write = waiting as typeof response.write;
}

/** However a write fails, the reader has gone. Connect says nothing of an error with this code, and prints
 *  the stack of any other. */
function gone(): Error {
  return Object.assign(new Error("the reader has gone"), { code: "ERR_STREAM_DESTROYED" });
}

/** Cuts a response off. Over HTTP/2 that is one stream of the connection, and destroying the request
 *  leaves it open. */
export function hangUp(request: IncomingMessage | Http2ServerRequest): void {
  if ("stream" in request) request.stream.close(constants.NGHTTP2_CANCEL);
  // Not the request: it has long ended, and destroying it does nothing.
  else request.socket.destroy();
}
