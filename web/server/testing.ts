// What the tests of the tier share: a clock that stands still, randomness that repeats, a configuration.
import type { Clock } from "../shared/clock.ts";
import { parseConfig, type Config } from "./config.ts";
import { Cookies } from "./cookies.ts";
import { Sealer, type Random } from "./seal.ts";

/** 2026-11-27T09:00:00Z. */
export const START = 1_795_770_000_000;
export const ORIGIN = "https://link.mihon.example";
export const APP_ORIGIN = "https://app.mihon.example";

export class FakeClock implements Clock {
  #now = START;
  now(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
  reset(): void {
    this.#now = START;
  }
}

/** Octets that count up: no two calls give the same. */
export function countingRandom(): Random {
  let next = 0;
  return (size) => {
    next += 1;
    const octets = Buffer.alloc(size, next & 0xff);
    octets.writeUInt32BE(next);
    return octets;
  };
}

export const testKey = Buffer.alloc(32, 7);
export const testKeyring = { active: "k1", keys: new Map([["k1", testKey]]) };

export function testCookies(clock: Clock): Cookies {
  return new Cookies(new Sealer(testKeyring, clock, countingRandom()), clock);
}

/** A whole configuration as JSON; `change` edits it. */
export function configJson(change: (json: Record<string, unknown>) => void = () => undefined): string {
  const json: Record<string, unknown> = {
    origin: ORIGIN,
    listen: { host: "127.0.0.1", port: 0 },
    static_dir: "dist/app",
    keyring_file: "web.keyring",
    services: {
      address: "services.mihon.example:50051",
      ca_file: "ca.crt",
      certificate_file: "front.crt",
      key_file: "front.key",
    },
    app_origins: [APP_ORIGIN],
    relying_party_id: "demo-university",
    service_name: { ja: "見本大学 本人確認", en: "Mihon University identity verification" },
    first_step: "ACCOUNT",
    acts: ["LINK", "UNLINK", "REPLACE"],
    recovery_url: "https://account.mihon.example/recovery",
    help_url: "https://www.mihon.example/help",
    app: {
      name: { ja: "見本アプリ", en: "Mihon App" },
      url: `${APP_ORIGIN}/`,
      ios_url: "https://www.mihon.example/ios",
      android_url: "https://www.mihon.example/android",
      ios_version: "16.4",
      android_version: "11",
      phones_url: "https://www.mihon.example/phones",
    },
    oidc: {
      issuer: "https://login.mihon.example",
      client_id: "musubi",
      client_secret_file: "oidc.secret",
      acr_values: ["urn:example:acr:password"],
    },
  };
  change(json);
  return JSON.stringify(json);
}

export function testConfig(change?: (json: Record<string, unknown>) => void): Config {
  return parseConfig(configJson(change), "test.json");
}
