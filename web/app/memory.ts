// What a tab remembers while the person is at the identity provider or in the app (sessionStorage). Not
// shared between tabs, gone when the tab closes, and never a credential or a name; a code only while its own
// answer is awaited.
import type { SignInPurpose } from "../shared/page.ts";

/** On which device the person reads the card. */
export type Way = "this" | "other";

/** A request that replaces this browser's credential (account/replace.ts). */
export interface Replacing {
  call: "return" | "bind";
  /** base64url, as the others. */
  sessionId: string;
  requestId: string;
  /** The return code: 60 s, single use, worthless without this browser's cookie. Empty: none is needed. */
  code: string;
}

export interface Remembered {
  /** What the person pressed before signing in: what is to be begun when they are back. */
  begin: { act: "LINK" | "UNLINK" | "REPLACE"; way: Way; until: number };
  /** The way chosen for the journey. */
  way: Way;
  /** A sign-in was asked for while a session was READY: only a newer one counts. */
  signIn: { sessionId: string; purpose: SignInPurpose; authTimeBefore: string | null };
  /** The link (its id) that the person wants to end without its card, while they sign in again. */
  unlinking: string;
  /** Request ids of decisions (base64url), so that one whose answer was lost is never made twice. */
  requestIds: Record<string, string>;
  /** A replacement of the browser's credential whose answer has not come yet. */
  replacing: Replacing;
  /** "Leave this PC" was pressed: the next page says that it is done. */
  left: true;
}

export interface Memory {
  get<K extends keyof Remembered>(key: K): Remembered[K] | null;
  set<K extends keyof Remembered>(key: K, value: Remembered[K]): void;
  remove(key: keyof Remembered): void;
  clear(): void;
}

/** A memory on any storage of strings; what cannot be read is as if it were not there. */
export function memoryOn(storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null): Memory {
  const name = (key: string) => `musubi.${key}`;
  const keys: (keyof Remembered)[] = [
    "begin",
    "way",
    "signIn",
    "unlinking",
    "requestIds",
    "replacing",
    "left",
  ];
  const memory: Memory = {
    get<K extends keyof Remembered>(key: K) {
      try {
        const text = storage?.getItem(name(key)) ?? null;
        return text === null ? null : (JSON.parse(text) as Remembered[K]);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        storage?.setItem(name(key), JSON.stringify(value));
      } catch {
        // A full or forbidden storage: the page then asks again.
      }
    },
    remove(key) {
      try {
        storage?.removeItem(name(key));
      } catch {
        // As above.
      }
    },
    clear() {
      for (const key of keys) memory.remove(key);
    },
  };
  return memory;
}

export function browserMemory(): Memory {
  try {
    return memoryOn(sessionStorage);
  } catch {
    return memoryOn(null);
  }
}
