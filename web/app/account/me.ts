// Who is signed in, for their own eyes.
import type { BrowserState } from "../../shared/page.ts";

export interface Me {
  /** The account as its owner knows it. */
  name: string;
  /** Milliseconds since the epoch. */
  authTime: number;
}

export function meOf({ signedIn }: BrowserState): Me | null {
  return signedIn === null ? null : { name: signedIn.accountName, authTime: Date.parse(signedIn.authTime) };
}
