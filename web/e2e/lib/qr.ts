// What a phone's camera does: finds the QR in a picture of the screen and reads it.
import jsQR from "jsqr";
import { PNG } from "pngjs";

/** The text of the QR in a screenshot, or undefined if there is none that can be read. */
export function readQr(png: Buffer): string | undefined {
  const { width, height, data } = PNG.sync.read(png);
  return jsQR(new Uint8ClampedArray(data), width, height, { inversionAttempts: "attemptBoth" })?.data;
}
