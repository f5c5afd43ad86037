import { PNG } from "pngjs";
import { encode } from "uqr";
import { describe, expect, test } from "vitest";

import { readPicture } from "./reader.ts";
import type { Picture } from "./reader.ts";

const APP = "https://app.localhost:8443";
const PAYLOAD = "A1b2C3d4".repeat(12);

/** A screen as a file has it, grey, with a QR code on it; null: with none. */
function screen(text: string | null, cut = 0): Picture {
  const picture = new PNG({ width: 1000, height: 600 });
  picture.data.fill(0xee);
  const { data, size } = encode(text ?? "", { border: 4 });
  const scale = 4;
  for (let y = 0; text !== null && y < (size - cut) * scale; y += 1) {
    for (let x = 0; x < size * scale; x += 1) {
      const dark = data[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true;
      const at = ((y + 90) * picture.width + x + 500) * 4;
      picture.data.fill(dark ? 0 : 255, at, at + 3);
    }
  }
  const { width, height, data: octets } = PNG.sync.read(PNG.sync.write(picture));
  return { data: new Uint8ClampedArray(octets), width, height };
}

describe("a picture", () => {
  test("with the QR code of a pairing opens the app", () => {
    expect(readPicture(screen(`${APP}/#q=${PAYLOAD}`), APP)).toEqual({
      kind: "LINK",
      fragment: `#q=${PAYLOAD}`,
    });
  });

  test.each([
    ["another app", `https://app.example/#q=${PAYLOAD}`],
    ["a host that begins like ours", `${APP}.example/#q=${PAYLOAD}`],
    ["a host behind a name", `https://app.localhost:8443@evil.example/#q=${PAYLOAD}`],
    ["plain http", `http://app.localhost:8443/#q=${PAYLOAD}`],
    ["another page of ours", `${APP}/other#q=${PAYLOAD}`],
    ["more than a payload", `${APP}/?a=1#q=${PAYLOAD}`],
    ["a hand-off, which no QR code holds", `${APP}/#h=${"A".repeat(22)}.${"A".repeat(43)}`],
    ["a payload that is none", `${APP}/#q=%41%41`],
    ["no payload", `${APP}/`],
    ["script", "javascript:alert(1)"],
    ["no address", "こんにちは"],
  ])("with another QR code opens nothing: %s", (_, text) => {
    expect(readPicture(screen(text), APP)).toEqual({ kind: "OTHER_QR" });
  });

  test("with no QR code, or half of one, has none", () => {
    expect(readPicture(screen(null), APP)).toEqual({ kind: "NO_QR" });
    expect(readPicture(screen(`${APP}/#q=${PAYLOAD}`, 20), APP)).toEqual({ kind: "NO_QR" });
  });
});
