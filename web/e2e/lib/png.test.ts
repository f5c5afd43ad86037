import { PNG } from "pngjs";
import { expect, test } from "vitest";
import { reduce } from "./png.ts";

function picture(colour: (x: number, y: number) => [number, number, number]): Buffer {
  const png = new PNG({ width: 200, height: 100 });
  for (let y = 0; y < 100; ++y) {
    for (let x = 0; x < 200; ++x) png.data.set([...colour(x, y), 255], (y * 200 + x) * 4);
  }
  return PNG.sync.write(png);
}

test("a picture of few colours stays what it is", () => {
  const original = picture((x, y) => (x < 100 ? [12, 34, 56] : y < 50 ? [255, 255, 255] : [200, 30, 40]));
  const small = PNG.sync.read(reduce(original));
  expect(small.data.equals(PNG.sync.read(original).data)).toBe(true);
});

test("a picture of many colours gets 64 near ones", () => {
  const original = picture((x, y) => [x, y * 2, 128]);
  const small = PNG.sync.read(reduce(original));
  const colours = new Set<number>();
  for (let at = 0; at < small.data.length; at += 4) colours.add(small.data.readUIntBE(at, 3));
  expect(colours.size).toBeLessThanOrEqual(64);
  expect([small.width, small.height]).toEqual([200, 100]);
});
