// A QR code as the path of an SVG: for components, and for pages made on a server.
import { encode } from "uqr";

/** Modules of white around the code (ISO/IEC 18004 demands four). */
const QUIET_ZONE = 4;

/** The dark modules as one path, a run of a row at a time. */
export function qrPath(data: boolean[][]): string {
  let path = "";
  data.forEach((row, y) => {
    for (let x = 0; x < row.length;) {
      if (row[x] !== true) {
        x += 1;
        continue;
      }
      let end = x;
      while (row[end] === true) end += 1;
      path += `M${x} ${y}h${end - x}v1h${x - end}z`;
      x = end;
    }
  });
  return path;
}

/** The code of `content`: a path in a square of `size` modules. */
export function qrOf(content: string): { path: string; size: number } {
  const { data, size } = encode(content, { ecc: "M", border: QUIET_ZONE });
  return { path: qrPath(data), size };
}
