// Screenshots as small files: a palette of the colours that count, deflated hard. Decoding is pngjs's.
import { crc32, deflateSync } from "node:zlib";
import { PNG } from "pngjs";

/** Colours of a picture that is kept: text on flat ground looks the same with that few. Two pixels in a byte. */
const COLOURS = 10;
/** Colours that differ by less than this much in a channel count as one when they are counted: 16 of 256. */
const STEP_BITS = 4;

function chunk(type: string, data: Buffer): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, "latin1");
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

interface Colour {
  r: number;
  g: number;
  b: number;
  count: number;
}

function nearest(palette: readonly Colour[], r: number, g: number, b: number): number {
  let best = 0;
  let least = Infinity;
  palette.forEach((colour, index) => {
    const distance = (colour.r - r) ** 2 + (colour.g - g) ** 2 + (colour.b - b) ** 2;
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}

/** The exact colour that is met most stands for its cell, so that flat ground keeps its colour. */
function paletteOf(pixels: Buffer): Colour[] {
  const exact = new Map<number, number>();
  for (let at = 0; at < pixels.length; at += 4) {
    const rgb = pixels.readUIntBE(at, 3);
    exact.set(rgb, (exact.get(rgb) ?? 0) + 1);
  }
  const cells = new Map<number, { best: number; bestCount: number; count: number }>();
  for (const [rgb, count] of exact) {
    const mask = (0xff << (8 - STEP_BITS)) & 0xff;
    const key = rgb & ((mask << 16) | (mask << 8) | mask);
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, { best: rgb, bestCount: count, count });
    else {
      cell.count += count;
      if (count > cell.bestCount) [cell.best, cell.bestCount] = [rgb, count];
    }
  }
  return [...cells.values()]
    .sort((a, b) => b.count - a.count || a.best - b.best)
    .slice(0, COLOURS)
    .map(({ best, count }) => ({ r: best >> 16, g: (best >> 8) & 0xff, b: best & 0xff, count }));
}

/** The same picture in few colours; transparency is not kept. */
export function reduce(png: Buffer): Buffer {
  const { width, height, data } = PNG.sync.read(png);
  const palette = paletteOf(data);
  const known = new Map<number, number>();
  const stride = 1 + Math.ceil(width / 2);
  const rows = Buffer.alloc(height * stride);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      const at = (y * width + x) * 4;
      const rgb = data.readUIntBE(at, 3);
      let index = known.get(rgb);
      if (index === undefined) {
        index = nearest(palette, rgb >> 16, (rgb >> 8) & 0xff, rgb & 0xff);
        known.set(rgb, index);
      }
      const byte = y * stride + 1 + (x >> 1);
      rows[byte] = (rows[byte] ?? 0) | (x % 2 === 0 ? index << 4 : index);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([4, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap(({ r, g, b }) => [r, g, b]))),
    chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
