import { PNG } from "pngjs";
import { encode } from "uqr";
import { expect, test } from "vitest";
import { readQr } from "./qr.ts";

/** A picture of a PC's screen with a QR somewhere on it. */
function screen(text: string, scale: number): Buffer {
  const { data, size } = encode(text, { border: 4 });
  const picture = new PNG({ width: 1280, height: 800 });
  picture.data.fill(0xee);
  for (let y = 0; y < size * scale; ++y) {
    for (let x = 0; x < size * scale; ++x) {
      const dark = data[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true;
      const at = ((y + 150) * picture.width + x + 700) * 4;
      picture.data.fill(dark ? 0 : 255, at, at + 3);
    }
  }
  return PNG.sync.write(picture);
}

test("reads the QR on a screen", () => {
  const url = `https://app.localhost:40000/#q=${"A1b2C3d4".repeat(12)}`;
  expect(readQr(screen(url, 4))).toBe(url);
});

test("a screen without QR has none", () => {
  const picture = new PNG({ width: 320, height: 200 });
  picture.data.fill(255);
  expect(readQr(PNG.sync.write(picture))).toBeUndefined();
});
