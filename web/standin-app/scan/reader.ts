// Reads the QR code in a picture. With jsQR, which is larger than all of the app: a chunk of its own, fetched
// when somebody scans.
import jsQR from "jsqr";

import { parseLink } from "../link.ts";
import type { Sight } from "./machine.ts";

/** RGBA, row by row, as a canvas gives it. */
export interface Picture {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/** `app`: the origin of the app's own address. Only a QR code of a pairing opens it: a hand-off is in no picture. */
export function readPicture({ data, width, height }: Picture, app: string): Sight {
  // Ours are black on white, in dark mode too.
  const found = jsQR(data, width, height, { inversionAttempts: "dontInvert" });
  if (found === null) return { kind: "NO_QR" };
  const url = URL.parse(found.data);
  if (url?.origin !== app || url.pathname !== "/" || url.search !== "") return { kind: "OTHER_QR" };
  return parseLink(url.hash)?.kind === "QR" ? { kind: "LINK", fragment: url.hash } : { kind: "OTHER_QR" };
}
