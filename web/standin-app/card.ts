// A virtual card: the JSON file of `musubi-sandbox issue-cards`, signing with WebCrypto. What it stands
// for: the key that never leaves a card, the certificate that anybody may read, the name that the
// card-info PIN opens, and two PINs with three tries each.
//
// The counters are a simulation: whoever holds the file holds key and PINs. They are kept by the app,
// not by the file, and a real card is what makes them mean something.
import { concat, fromBase64, lengthPrefixed, utf8 } from "./octets.ts";
import type { Octets } from "./octets.ts";

/** Tries that each PIN has; a right PIN gives them back, and after the last wrong one it is locked. */
export const PIN_TRIES = 3;

export type Pin = "AUTHENTICATION" | "CARD_INFO";

export type Tries = Readonly<Record<Pin, number>>;

/** What the app keeps of a card: the file as it is, and the counters. */
export interface StoredCard {
  id: string;
  /** What the person calls it: the file's name. */
  label: string;
  file: string;
  tries: Tries;
}

/** A PIN is 4 digits; anything else is said so before a card is asked, and costs no try. */
export function isPin(text: string): boolean {
  return /^[0-9]{4}$/.test(text);
}

export type KeyType = "RSA" | "EC_P384";

/** The file, taken apart. */
export interface CardFile {
  certificate: Octets;
  keyType: KeyType;
  privateKey: Octets;
  holderName: string;
  pins: Readonly<Record<Pin, string>>;
  tries: Tries;
  nameIssuerId: string;
  nameIssuerKey: Octets;
}

/** A file that is no card; `rule` says in English what it lacks, for the page's small print. */
export class NotACard extends Error {}

// AlgorithmIdentifier's OID, in DER, as it stands in a PKCS #8 key (RFC 5958).
const KEY_TYPES: readonly [KeyType, string][] = [
  ["RSA", "06092a864886f70d010101"],
  ["EC_P384", "06052b81040022"],
];

function findKeyType(pkcs8: Octets): KeyType {
  // Version, then the algorithm: within the first 40 octets, before any key material.
  const head = Array.from(pkcs8.subarray(0, 40), (octet) => octet.toString(16).padStart(2, "0")).join("");
  const found = KEY_TYPES.find(([, oid]) => head.includes(oid));
  if (found === undefined) throw new NotACard("its key is neither RSA nor on P-384");
  return found[0];
}

/** Throws NotACard. A card that must be refused by the service (expired, revoked) is a card here. */
export function parseCardFile(text: string): CardFile {
  let file: Record<string, unknown>;
  try {
    file = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new NotACard("it is not JSON");
  }
  if (typeof file !== "object" || (file as unknown) === null) throw new NotACard("it is not a JSON object");
  if (file["version"] !== 1 || file["environment"] !== "SIM") {
    throw new NotACard("it is not a card of version 1 and environment SIM");
  }
  const member = (name: string): string => {
    const value = file[name];
    if (typeof value !== "string" || value === "") throw new NotACard(`it has no member "${name}"`);
    return value;
  };
  const octets = (name: string): Octets => {
    try {
      return fromBase64(member(name));
    } catch (error) {
      if (error instanceof NotACard) throw error;
      throw new NotACard(`its member "${name}" is not base64`);
    }
  };
  const pin = (name: string): string => {
    if (!isPin(member(name))) throw new NotACard(`its member "${name}" is not 4 digits`);
    return member(name);
  };
  const tries = (name: string): number => {
    const value = file[name];
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > PIN_TRIES) {
      throw new NotACard(`its member "${name}" is not a number of tries`);
    }
    return value as number;
  };
  const privateKey = octets("private_key");
  return {
    certificate: octets("certificate"),
    keyType: findKeyType(privateKey),
    privateKey,
    holderName: member("holder_name"),
    pins: { AUTHENTICATION: pin("authentication_pin"), CARD_INFO: pin("card_info_pin") },
    tries: { AUTHENTICATION: tries("authentication_tries_left"), CARD_INFO: tries("card_info_tries_left") },
    nameIssuerId: member("name_issuer_id"),
    nameIssuerKey: octets("name_issuer_key"),
  };
}

/** Where counters live. Written before a PIN is looked at, so that no crash gives a free try. */
export interface TriesKeeper {
  read(): Promise<Tries>;
  write(tries: Tries): Promise<void>;
}

export type PinOutcome =
  { kind: "RIGHT" } | { kind: "WRONG"; pin: Pin; triesLeft: number } | { kind: "LOCKED"; pin: Pin };

/** Spends a try, looks, and gives the tries back if the PIN was right. */
export async function checkPin(
  right: string,
  given: string,
  pin: Pin,
  keeper: TriesKeeper,
): Promise<PinOutcome> {
  if (!isPin(given)) throw new Error("a PIN that is not 4 digits reached the card");
  const before = await keeper.read();
  if (before[pin] === 0) return { kind: "LOCKED", pin };
  const triesLeft = before[pin] - 1;
  await keeper.write({ ...before, [pin]: triesLeft });
  if (given !== right) return triesLeft === 0 ? { kind: "LOCKED", pin } : { kind: "WRONG", pin, triesLeft };
  await keeper.write({ ...before, [pin]: PIN_TRIES });
  return { kind: "RIGHT" };
}

export interface NameRead {
  name: string;
  issuerKeyId: string;
  challengeHash: Octets;
  certificateHash: Octets;
  signature: Octets;
}

/** What one card read gives. */
export interface CardRead {
  certificate: Octets;
  keyType: KeyType;
  signature: Octets;
  /** null if no name was asked for. */
  name: NameRead | null;
}

export async function sha256(octets: Octets): Promise<Octets> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
}

/** "MUSUBI-NAME-STATEMENT", the version, then name and both hashes, each after its length. */
export function nameStatementOctets(
  name: string,
  challengeHash: Uint8Array,
  certificateHash: Uint8Array,
): Octets {
  return concat(
    utf8("MUSUBI-NAME-STATEMENT"),
    Uint8Array.of(1),
    lengthPrefixed(utf8(name)),
    lengthPrefixed(challengeHash),
    lengthPrefixed(certificateHash),
  );
}

/** INTEGER of a non-negative number in big-endian octets (X.690 section 8.3). */
function derInteger(value: Uint8Array): Octets {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const digits = value.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return concat(Uint8Array.of(0x02, sign.length + digits.length), sign, digits);
}

/** WebCrypto's r || s as Ecdsa-Sig-Value (RFC 3279 section 2.2.3). For curves up to P-384: the lengths stay below 128. */
export function ecdsaRawToDer(raw: Uint8Array): Octets {
  const half = raw.length / 2;
  const body = concat(derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half)));
  return concat(Uint8Array.of(0x30, body.length), body);
}

async function sign(file: CardFile, octets: Octets): Promise<Octets> {
  if (file.keyType === "RSA") {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("pkcs8", file.privateKey, algorithm, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign(algorithm.name, key, octets));
  }
  const curve = { name: "ECDSA", namedCurve: "P-384" };
  const key = await crypto.subtle.importKey("pkcs8", file.privateKey, curve, false, ["sign"]);
  return ecdsaRawToDer(
    new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-384" }, key, octets)),
  );
}

async function readName(file: CardFile, challenge: Octets): Promise<NameRead> {
  const challengeHash = await sha256(challenge);
  const certificateHash = await sha256(file.certificate);
  const key = await crypto.subtle.importKey("pkcs8", file.nameIssuerKey, "Ed25519", false, ["sign"]);
  const octets = nameStatementOctets(file.holderName, challengeHash, certificateHash);
  return {
    name: file.holderName,
    issuerKeyId: file.nameIssuerId,
    challengeHash,
    certificateHash,
    signature: new Uint8Array(await crypto.subtle.sign("Ed25519", key, octets)),
  };
}

/**
 * One read of the card: both PINs are checked before anything is signed. `cardInfoPin` null: no name
 * is asked for.
 */
export async function readCard(
  file: CardFile,
  keeper: TriesKeeper,
  pins: { authentication: string; cardInfo: string | null },
  challenge: Octets,
): Promise<{ kind: "READ"; read: CardRead } | Exclude<PinOutcome, { kind: "RIGHT" }>> {
  const first = await checkPin(file.pins.AUTHENTICATION, pins.authentication, "AUTHENTICATION", keeper);
  if (first.kind !== "RIGHT") return first;
  if (pins.cardInfo !== null) {
    const second = await checkPin(file.pins.CARD_INFO, pins.cardInfo, "CARD_INFO", keeper);
    if (second.kind !== "RIGHT") return second;
  }
  return {
    kind: "READ",
    read: {
      certificate: file.certificate,
      keyType: file.keyType,
      signature: await sign(file, challenge),
      name: pins.cardInfo === null ? null : await readName(file, challenge),
    },
  };
}
