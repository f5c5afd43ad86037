// Octets and the texts that stand for them. No failure but a thrown Error that names what is wrong.

/** Octets of an ArrayBuffer of its own: what WebCrypto and protobuf-es take. */
export type Octets = Uint8Array<ArrayBuffer>;

export function utf8(text: string): Octets {
  return new TextEncoder().encode(text);
}

export function concat(...parts: readonly Uint8Array[]): Octets {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The value after its length in 4 octets, big-endian. */
export function lengthPrefixed(value: Uint8Array): Octets {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, value.length);
  return concat(length, value);
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

export function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Octets {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Error("not hexadecimal");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Standard base64 with padding (RFC 4648 section 4). */
export function fromBase64(text: string): Octets {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new Error("not base64");
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
