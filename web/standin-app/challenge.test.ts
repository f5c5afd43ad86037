import { readFileSync } from "node:fs";

import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";

import { Act, Attribute, Flow } from "../gen/musubi/v1/common_pb.ts";
import { ChallengeSchema } from "../gen/musubi/v1/validation_pb.ts";
import { challengeOctets, encodeChallenge, findMismatch } from "./challenge.ts";
import type { ChallengeFields, Mismatch } from "./challenge.ts";
import { fromHex, hex } from "./octets.ts";

interface Vectors {
  vectors: {
    name: string;
    fields: Record<string, string> & { requested_attributes: string[] };
    encoded: string;
  }[];
}
const vectors = JSON.parse(
  readFileSync(new URL("../../tests/vectors/challenge_v1.json", import.meta.url), "utf8"),
) as Vectors;

const sample: ChallengeFields = {
  relyingPartyId: "demo-university",
  origin: "https://link.example",
  act: "LINK",
  sessionId: new Uint8Array(16).fill(1),
  accountBindingHash: new Uint8Array(32).fill(2),
  flow: "ONE_DEVICE",
  transcript: new Uint8Array(32).fill(3),
  requestedAttributes: ["name"],
  consentTextVersion: "2026-04-01",
  nonce: new Uint8Array(32).fill(4),
};

describe("the encoding", () => {
  it("has vectors to be held against", () => {
    expect(vectors.vectors.length).toBeGreaterThanOrEqual(5);
  });

  it.each(vectors.vectors)("is that of the golden vector: $name", ({ fields, encoded }) => {
    const text = (name: string): string => fields[name] ?? "";
    const octets = encodeChallenge({
      relyingPartyId: text("relying_party_id"),
      origin: text("origin"),
      act: text("act"),
      sessionId: fromHex(text("session_id")),
      accountBindingHash: fromHex(text("account_binding_hash")),
      flow: text("flow"),
      transcript: fromHex(text("transcript")),
      requestedAttributes: fields.requested_attributes,
      consentTextVersion: text("consent_text_version"),
      nonce: fromHex(text("nonce")),
    });
    expect(hex(octets)).toBe(encoded);
  });

  it.each<[string, Partial<ChallengeFields>]>([
    ["relying-party id", { relyingPartyId: "" }],
    ["relying-party id", { relyingPartyId: "あ".repeat(171) }],
    ["origin", { origin: "" }],
    ["act", { act: "UNSPECIFIED" }],
    ["session id", { sessionId: new Uint8Array(15) }],
    ["account-binding hash", { accountBindingHash: new Uint8Array(31) }],
    ["flow", { flow: "UNSPECIFIED" }],
    ["transcript", { transcript: new Uint8Array(0) }],
    ["requested attributes", { requestedAttributes: ["Name"] }],
    ["requested attributes", { requestedAttributes: ["name", "name"] }],
    ["consent-text version", { consentTextVersion: "" }],
    ["nonce", { nonce: new Uint8Array(33) }],
  ])("refuses a wrong %s", (field, change) => {
    expect(() => encodeChallenge({ ...sample, ...change })).toThrow(`the ${field} is not in its range`);
  });
});

describe("a challenge", () => {
  const challenge = create(ChallengeSchema, {
    version: 1,
    relyingPartyId: sample.relyingPartyId,
    origin: sample.origin,
    act: Act.LINK,
    sessionId: sample.sessionId,
    accountBindingHash: sample.accountBindingHash,
    flow: Flow.ONE_DEVICE,
    transcriptHash: sample.transcript,
    requestedAttributes: [Attribute.NAME],
    consentTextVersion: sample.consentTextVersion,
    nonce: sample.nonce,
  });
  const known = { origin: sample.origin, sessionId: sample.sessionId, act: Act.LINK, flow: Flow.ONE_DEVICE };

  it.each<[Mismatch | null, Partial<typeof known> | { version: number }]>([
    [null, {}],
    ["ORIGIN", { origin: "https://link.example.evil.example" }],
    ["SESSION", { sessionId: new Uint8Array(16).fill(9) }],
    ["ACT", { act: Act.UNLINK as typeof Act.LINK }],
    ["FLOW", { flow: Flow.CROSS_DEVICE as typeof Flow.ONE_DEVICE }],
    ["VERSION", { version: 2 }],
  ])("of another journey is found out: %s", (mismatch, change) => {
    const version = "version" in change ? change.version : 1;
    expect(findMismatch({ ...challenge, version }, { ...known, ...change })).toBe(mismatch);
  });

  it("is encoded with the origin of the connection, whatever the server says", () => {
    const lied = { ...challenge, origin: "https://somebody.example" };
    expect(hex(challengeOctets(lied, sample.origin))).toBe(hex(encodeChallenge(sample)));
  });
});
