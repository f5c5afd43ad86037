// Cards for tests: made anew, nobody's. The certificate is a placeholder, for nothing here reads it.
import type { StoredCard } from "./card.ts";

async function pkcs8(
  algorithm: EcKeyGenParams | RsaHashedKeyGenParams | "Ed25519",
): Promise<[string, CryptoKey]> {
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  return [btoa(String.fromCharCode(...der)), pair.publicKey];
}

export interface FakeCard {
  card: StoredCard;
  publicKey: CryptoKey;
  nameIssuer: CryptoKey;
}

export async function fakeCard(kind: "RSA" | "EC_P384", id = "card-1"): Promise<FakeCard> {
  const [key, publicKey] = await pkcs8(
    kind === "RSA"
      ? {
          name: "RSASSA-PKCS1-v1_5",
          modulusLength: 2048,
          publicExponent: Uint8Array.of(1, 0, 1),
          hash: "SHA-256",
        }
      : { name: "ECDSA", namedCurve: "P-384" },
  );
  const [issuerKey, nameIssuer] = await pkcs8("Ed25519");
  const file = {
    version: 1,
    environment: "SIM",
    kind: "user-auth",
    certificate: btoa("certificate"),
    private_key: key,
    holder_name: "試験　一号",
    authentication_pin: "1234",
    authentication_tries_left: 3,
    card_info_pin: "5678",
    card_info_tries_left: 3,
    name_issuer_id: "sim-1",
    name_issuer_key: issuerKey,
  };
  const card: StoredCard = {
    id,
    label: `${id}.card.json`,
    file: JSON.stringify(file),
    tries: { AUTHENTICATION: 3, CARD_INFO: 3 },
  };
  return { card, publicKey, nameIssuer };
}
