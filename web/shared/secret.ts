// Comparing secrets on a server.
import { createHash, timingSafeEqual } from "node:crypto";

/** In a time that does not tell where the two differ, nor how long the right one is. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(a), digest(b));
}
