// The challenge encoding, version 1 (docs/challenge-encoding.md): what the card signs. The server sends
// fields; the app checks them against what it knows, encodes them itself, and puts in the origin that
// it is connected to. Does not sign, and does not know cards.
import { Act, Attribute, Flow } from "../gen/musubi/v1/common_pb.ts";
import type { Challenge } from "../gen/musubi/v1/validation_pb.ts";
import { concat, equal, lengthPrefixed, utf8 } from "./octets.ts";
import type { Octets } from "./octets.ts";

const TAG = "MUSUBI-CHALLENGE";
const VERSION = 1;
const MAX_TEXT = 512;

/** The ten fields, in the order of the document. */
export interface ChallengeFields {
  relyingPartyId: string;
  origin: string;
  act: string;
  sessionId: Uint8Array;
  /** 32 octets, or none. */
  accountBindingHash: Uint8Array;
  flow: string;
  transcript: Uint8Array;
  requestedAttributes: readonly string[];
  consentTextVersion: string;
  nonce: Uint8Array;
}

function isText(text: string): boolean {
  const size = utf8(text).length;
  return size >= 1 && size <= MAX_TEXT;
}

/** The first field that the document does not allow. */
function wrongField(fields: ChallengeFields): string | null {
  if (!isText(fields.relyingPartyId)) return "relying-party id";
  if (!isText(fields.origin)) return "origin";
  if (!["LINK", "UNLINK", "VERIFY", "REPLACE"].includes(fields.act)) return "act";
  if (fields.sessionId.length !== 16) return "session id";
  if (![0, 32].includes(fields.accountBindingHash.length)) return "account-binding hash";
  if (!["CROSS_DEVICE", "ONE_DEVICE"].includes(fields.flow)) return "flow";
  if (fields.transcript.length !== 32) return "transcript";
  const attributes = fields.requestedAttributes;
  if (!attributes.every((name) => /^[a-z_]+$/.test(name))) return "requested attributes";
  if (new Set(attributes).size !== attributes.length) return "requested attributes";
  if (!isText(fields.consentTextVersion)) return "consent-text version";
  if (fields.nonce.length !== 32) return "nonce";
  return null;
}

/** The octets that the card signs. Throws if a field is outside its range. */
export function encodeChallenge(fields: ChallengeFields): Octets {
  const wrong = wrongField(fields);
  if (wrong !== null) throw new Error(`challenge: the ${wrong} is not in its range`);
  // Names are ASCII, so that the order of UTF-16 code units is that of octets.
  const attributes = [...fields.requestedAttributes].sort().join(",");
  const values = [
    utf8(fields.relyingPartyId),
    utf8(fields.origin),
    utf8(fields.act),
    fields.sessionId,
    fields.accountBindingHash,
    utf8(fields.flow),
    fields.transcript,
    utf8(attributes),
    utf8(fields.consentTextVersion),
    fields.nonce,
  ];
  return concat(utf8(TAG), Uint8Array.of(VERSION), ...values.map(lengthPrefixed));
}

/** What the app knows of the journey without the challenge. */
export interface KnownJourney {
  /** The origin that the app is connected to. */
  origin: string;
  sessionId: Uint8Array;
  act: Act;
  flow: Flow;
}

/** What differs between a challenge and the journey that the app is in. */
export type Mismatch = "VERSION" | "ORIGIN" | "SESSION" | "ACT" | "FLOW";

/** null: the challenge is for this journey, and for the origin that the app is connected to. */
export function findMismatch(challenge: Challenge, known: KnownJourney): Mismatch | null {
  if (challenge.origin !== known.origin) return "ORIGIN";
  if (challenge.version !== VERSION) return "VERSION";
  if (!equal(challenge.sessionId, known.sessionId)) return "SESSION";
  if (challenge.act !== known.act) return "ACT";
  if (challenge.flow !== known.flow) return "FLOW";
  return null;
}

function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? "";
}

/** The octets for a challenge that findMismatch found to be ours; the origin is the connection's. */
export function challengeOctets(challenge: Challenge, origin: string): Octets {
  return encodeChallenge({
    relyingPartyId: challenge.relyingPartyId,
    origin,
    act: nameOf(Act, challenge.act),
    sessionId: challenge.sessionId,
    accountBindingHash: challenge.accountBindingHash,
    flow: nameOf(Flow, challenge.flow),
    transcript: challenge.transcriptHash,
    requestedAttributes: challenge.requestedAttributes.map((attribute) =>
      nameOf(Attribute, attribute).toLowerCase(),
    ),
    consentTextVersion: challenge.consentTextVersion,
    nonce: challenge.nonce,
  });
}

/** Whether the card-info PIN is needed. */
export function asksForName(challenge: Challenge): boolean {
  return challenge.requestedAttributes.includes(Attribute.NAME);
}
