// Values that this tier gives to a browser to keep for it, and that nobody else can read or make:
// AES-256-GCM with a key of a keyring, bound to their purpose, with an expiry inside. A value is
// `<key id>.<base64url of nonce, ciphertext, tag>`. Single use is not its business.
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Clock } from "../shared/clock.ts";

/** Fills with `size` octets that nobody can guess. */
export type Random = (size: number) => Uint8Array;

/** Keys by id; the first seals, all open. */
export interface Keyring {
  readonly active: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

const KEY_SIZE = 32;
const NONCE_SIZE = 12;
const TAG_SIZE = 16;
const EXPIRY_SIZE = 8;

/** Reads what `musubictl keyring new` writes: lines `id base64url-of-32-octets`. Throws an Error that
 *  names line, rule and fix, never a key. */
export function parseKeyring(text: string, name: string): Keyring {
  const keys = new Map<string, Buffer>();
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const fail = (rule: string): never => {
      throw new Error(`${name}: line ${index + 1}: ${rule}`);
    };
    const [, id, encoded] = /^([a-z0-9-]{1,16}) ([A-Za-z0-9_-]{43})$/.exec(line) ?? [];
    if (id === undefined || encoded === undefined) {
      return fail("must be `id key`, the key 32 octets in base64url: make one with musubictl keyring new");
    }
    if (keys.has(id)) return fail(`key ${id} is there twice: remove one`);
    const key = Buffer.from(encoded, "base64url");
    if (key.length !== KEY_SIZE || key.toString("base64url") !== encoded) {
      return fail("the key must be canonical base64url of 32 octets: make one with musubictl keyring new");
    }
    keys.set(id, key);
  });
  const [active] = keys.keys();
  if (active === undefined) throw new Error(`${name}: has no key: make one with musubictl keyring new`);
  return { active, keys };
}

/** Seals and opens. Holds no state but keys, clock and randomness. */
export class Sealer {
  readonly #keyring: Keyring;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(keyring: Keyring, clock: Clock, random: Random) {
    this.#keyring = keyring;
    this.#clock = clock;
    this.#random = random;
  }

  /** A value for `purpose` alone (the cookie's name), good until `expiresAt` (ms since the epoch). */
  seal(purpose: string, value: unknown, expiresAt: number): string {
    const id = this.#keyring.active;
    const nonce = this.#random(NONCE_SIZE);
    const cipher = createCipheriv("aes-256-gcm", this.#key(id), nonce, { authTagLength: TAG_SIZE });
    cipher.setAAD(associated(id, purpose));
    const expiry = Buffer.alloc(EXPIRY_SIZE);
    expiry.writeBigUInt64BE(BigInt(Math.floor(expiresAt)));
    const sealed = Buffer.concat([
      nonce,
      cipher.update(expiry),
      cipher.update(JSON.stringify(value), "utf8"),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return `${id}.${sealed.toString("base64url")}`;
  }

  /** What was sealed for `purpose`; undefined if it was not, was changed, is over, or its key is gone. */
  open(purpose: string, sealed: string): { value: unknown; expiresAt: number } | undefined {
    const [id, encoded, ...rest] = sealed.split(".");
    if (id === undefined || encoded === undefined || rest.length > 0) return undefined;
    if (!this.#keyring.keys.has(id)) return undefined;
    const octets = Buffer.from(encoded, "base64url");
    if (octets.length < NONCE_SIZE + EXPIRY_SIZE + TAG_SIZE) return undefined;
    // One spelling of one value: a test, a log or a limit may compare them.
    if (octets.toString("base64url") !== encoded) return undefined;
    const nonce = octets.subarray(0, NONCE_SIZE);
    const decipher = createDecipheriv("aes-256-gcm", this.#key(id), nonce, { authTagLength: TAG_SIZE });
    decipher.setAAD(associated(id, purpose));
    decipher.setAuthTag(octets.subarray(-TAG_SIZE));
    let plain: Buffer;
    try {
      plain = Buffer.concat([decipher.update(octets.subarray(NONCE_SIZE, -TAG_SIZE)), decipher.final()]);
    } catch {
      return undefined;
    }
    const expiresAt = Number(plain.readBigUInt64BE());
    if (expiresAt <= this.#clock.now()) return undefined;
    return { value: JSON.parse(plain.subarray(EXPIRY_SIZE).toString("utf8")), expiresAt };
  }

  #key(id: string): Buffer {
    const key = this.#keyring.keys.get(id);
    if (key === undefined) throw new Error(`the keyring has no key ${id}`);
    return key;
  }
}

// The version lets a later form of the plain text be told from this one.
function associated(id: string, purpose: string): Buffer {
  return Buffer.from(`musubi-web-seal-v1\0${id}\0${purpose}`, "utf8");
}
