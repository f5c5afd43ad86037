import { createHash, KeyObject, verify } from "node:crypto";

import { beforeAll, describe, expect, it } from "vitest";

import { checkPin, ecdsaRawToDer, NotACard, parseCardFile, readCard } from "./card.ts";
import type { PinOutcome, Tries, TriesKeeper } from "./card.ts";
import { fakeCard } from "./fake_card.ts";
import type { FakeCard } from "./fake_card.ts";
import { fromHex, hex, utf8 } from "./octets.ts";

class Keeper implements TriesKeeper {
  constructor(tries: Tries = { AUTHENTICATION: 3, CARD_INFO: 3 }) {
    this.tries = tries;
  }
  tries: Tries;
  written: Tries[] = [];
  read(): Promise<Tries> {
    return Promise.resolve(this.tries);
  }
  write(tries: Tries): Promise<void> {
    this.tries = tries;
    this.written.push(tries);
    return Promise.resolve();
  }
}

const challenge = utf8("what the card signs");
let rsa: FakeCard;
let ec: FakeCard;
beforeAll(async () => {
  rsa = await fakeCard("RSA");
  ec = await fakeCard("EC_P384");
});

describe("a card read", () => {
  // node:crypto verifies: another implementation than WebCrypto's caller above, and DER for ECDSA.
  it.each([
    ["RSA", "sha256", () => rsa],
    ["EC_P384", "sha384", () => ec],
  ] as const)("signs the challenge: %s", async (keyType, hash, card) => {
    const { card: stored, publicKey } = card();
    const pins = { authentication: "1234", cardInfo: null };
    const outcome = await readCard(parseCardFile(stored.file), new Keeper(), pins, challenge);
    if (outcome.kind !== "READ") throw new Error(outcome.kind);
    expect(outcome.read.keyType).toBe(keyType);
    expect(outcome.read.name).toBeNull();
    expect(verify(hash, challenge, KeyObject.from(publicKey), outcome.read.signature)).toBe(true);
  });

  it("states the name, bound to challenge and certificate, signed by the name issuer", async () => {
    const pins = { authentication: "1234", cardInfo: "5678" };
    const outcome = await readCard(parseCardFile(rsa.card.file), new Keeper(), pins, challenge);
    if (outcome.kind !== "READ" || outcome.read.name === null) throw new Error(outcome.kind);
    const { name, challengeHash, certificateHash, signature, issuerKeyId } = outcome.read.name;
    const sha = (data: Uint8Array): Buffer => createHash("sha256").update(data).digest();
    const size = (n: number): Buffer => Buffer.from([0, 0, 0, n]);
    const octets = Buffer.concat([
      Buffer.from("MUSUBI-NAME-STATEMENT\u0001"),
      ...[size(15), Buffer.from("試験　一号"), size(32), sha(challenge), size(32), sha(utf8("certificate"))],
    ]);
    expect([name, issuerKeyId]).toEqual(["試験　一号", "sim-1"]);
    expect(hex(challengeHash)).toBe(sha(challenge).toString("hex"));
    expect(hex(certificateHash)).toBe(sha(utf8("certificate")).toString("hex"));
    expect(verify(null, octets, KeyObject.from(rsa.nameIssuer), signature)).toBe(true);
  });

  it.each<[string, { authentication: string; cardInfo: string | null }, Tries, PinOutcome, Tries]>([
    [
      "a wrong authentication PIN costs a try of it alone",
      { authentication: "0000", cardInfo: "5678" },
      { AUTHENTICATION: 3, CARD_INFO: 2 },
      { kind: "WRONG", pin: "AUTHENTICATION", triesLeft: 2 },
      { AUTHENTICATION: 2, CARD_INFO: 2 },
    ],
    [
      "a wrong card-info PIN costs a try of it alone",
      { authentication: "1234", cardInfo: "0000" },
      { AUTHENTICATION: 2, CARD_INFO: 2 },
      { kind: "WRONG", pin: "CARD_INFO", triesLeft: 1 },
      { AUTHENTICATION: 3, CARD_INFO: 1 },
    ],
    [
      "the third wrong one locks",
      { authentication: "0000", cardInfo: null },
      { AUTHENTICATION: 1, CARD_INFO: 3 },
      { kind: "LOCKED", pin: "AUTHENTICATION" },
      { AUTHENTICATION: 0, CARD_INFO: 3 },
    ],
    [
      "a locked PIN stays locked, even the right one",
      { authentication: "1234", cardInfo: null },
      { AUTHENTICATION: 0, CARD_INFO: 3 },
      { kind: "LOCKED", pin: "AUTHENTICATION" },
      { AUTHENTICATION: 0, CARD_INFO: 3 },
    ],
  ])("%s", async (_name, pins, before, outcome, after) => {
    const keeper = new Keeper(before);
    expect(await readCard(parseCardFile(rsa.card.file), keeper, pins, challenge)).toEqual(outcome);
    expect(keeper.tries).toEqual(after);
  });
});

describe("a PIN check", () => {
  it("spends the try before it looks, and gives it back", async () => {
    const keeper = new Keeper();
    expect(await checkPin("1234", "1234", "AUTHENTICATION", keeper)).toEqual({ kind: "RIGHT" });
    expect(keeper.written.map((tries) => tries.AUTHENTICATION)).toEqual([2, 3]);
  });

  it.each(["", "123", "12345", "12a4", "１２３４"])(
    "costs nothing for what is no PIN: '%s'",
    async (given) => {
      const keeper = new Keeper();
      await expect(checkPin("1234", given, "AUTHENTICATION", keeper)).rejects.toThrow("not 4 digits");
      expect(keeper.written).toEqual([]);
    },
  );
});

describe("a card file", () => {
  const change = (changes: Record<string, unknown>) => (): string =>
    JSON.stringify({ ...(JSON.parse(rsa.card.file) as object), ...changes });
  it.each<[string, () => string]>([
    ["it is not JSON", () => "{"],
    ["it is not a JSON object", () => "null"],
    ["version 1 and environment SIM", change({ version: 2 })],
    ["version 1 and environment SIM", change({ environment: "PRODUCTION" })],
    ['no member "certificate"', change({ certificate: undefined })],
    ['"certificate" is not base64', change({ certificate: "?" })],
    ["neither RSA nor on P-384", change({ private_key: btoa("no key") })],
    ['"authentication_pin" is not 4 digits', change({ authentication_pin: "12345" })],
    ['"card_info_tries_left" is not a number of tries', change({ card_info_tries_left: 4 })],
    ['no member "name_issuer_key"', change({ name_issuer_key: 7 })],
  ])("is refused when %s", (rule, file) => {
    expect(() => parseCardFile(file())).toThrow(NotACard);
    expect(() => parseCardFile(file())).toThrow(rule);
  });
});

describe("an ECDSA signature in DER", () => {
  it.each([
    ["0102", "3006020101020102"],
    ["8001", "300702020080020101"],
    ["0000", "3006020100020100"],
    ["00ff0001", "3007020200ff020101"],
  ])("is minimal and not negative: %s", (raw, der) => {
    expect(hex(ecdsaRawToDer(fromHex(raw)))).toBe(der);
  });
});
