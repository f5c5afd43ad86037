// The configuration of the four programs in Node, as they stand beside each other on one machine.
import path from "node:path";

/** Where everything is. */
export interface Places {
  ports: { musubid: number; tier: number; app: number; account: number; idp: number };
  /** As browsers see them. */
  origins: { tier: string; app: string; account: string; idp: string };
  /** The world's folder: keys, certificates. */
  directory: string;
  /** What Vite built. */
  dist: string;
  /** Account first or card first: of the tier, and of the relying party that it stands for. */
  firstStep: FirstStep;
  /** Ways to sign in that are strong enough for acts: for the tier, and for its relying parties. */
  acr: readonly string[];
}

export const RELYING_PARTY = "demo-university";

/** For whom the tier can stand, by what a person does first there. */
export const SERVICES = {
  ACCOUNT: {
    relying_party_id: RELYING_PARTY,
    service_name: { ja: "見本大学 本人確認サービス", en: "Mihon University Identity Verification" },
  },
  CARD: {
    relying_party_id: "mihon-library",
    service_name: { ja: "見本町立図書館", en: "Mihon Town Library" },
  },
} as const;
export type FirstStep = keyof typeof SERVICES;

export const ACR = { password: "urn:example:acr:password", mfa: "urn:example:acr:mfa" } as const;
/** As the tier's pages call the app. */
export const APP_NAME = { ja: "見本認証アプリ", en: "Mihon Authentication App" } as const;
const CLIENT_ID = "musubi";

function webTls(directory: string): object {
  return {
    certificate_file: path.join(directory, "tls/web.crt"),
    key_file: path.join(directory, "tls/web.key"),
  };
}

export function tierConfig({ ports, origins, directory, dist, firstStep, acr }: Places): object {
  const file = (name: string) => path.join(directory, name);
  return {
    origin: origins.tier,
    listen: { host: "127.0.0.1", port: ports.tier },
    tls: webTls(directory),
    metrics_listen: { host: "127.0.0.1", port: 0, port_file: file("tier-metrics.port") },
    static_dir: path.join(dist, "app"),
    keyring_file: file("keys/web.keyring"),
    services: {
      address: `localhost:${ports.musubid}`,
      ca_file: file("tls/ca.crt"),
      certificate_file: file("tls/front.crt"),
      key_file: file("tls/front.key"),
    },
    app_origins: [origins.app],
    ...SERVICES[firstStep],
    first_step: firstStep,
    acts: ["LINK", "UNLINK", "REPLACE"],
    recovery_url: `${origins.account}/recovery`,
    help_url: `${origins.account}/help`,
    app: {
      name: APP_NAME,
      url: `${origins.app}/`,
      ios_url: `${origins.app}/install/ios`,
      android_url: `${origins.app}/install/android`,
      ios_version: "16.4",
      android_version: "11",
      phones_url: `${origins.app}/phones`,
    },
    oidc: {
      issuer: origins.idp,
      client_id: CLIENT_ID,
      client_secret_file: file("keys/oidc.secret"),
      ca_file: file("tls/ca.crt"),
      acr_values: acr,
    },
    // Everybody here is at one address.
    limits: { requests_per_second: 1_000, requests_burst: 10_000, drain_seconds: 1 },
  };
}

export function idpConfig({ ports, origins, directory }: Places): object {
  return {
    listen: { host: "127.0.0.1", port: ports.idp },
    tls: webTls(directory),
    client: {
      id: CLIENT_ID,
      secret_file: path.join(directory, "keys/oidc.secret"),
      redirect_uris: [`${origins.tier}/callback`],
    },
  };
}

export function appConfig({ ports, origins, directory, dist }: Places): object {
  return {
    listen: { host: "127.0.0.1", port: ports.app },
    tls: webTls(directory),
    static_dir: path.join(dist, "standin-app"),
    tier_origin: origins.tier,
  };
}

export function accountConfig({ ports, origins, directory }: Places): object {
  return {
    origin: origins.account,
    listen: { host: "127.0.0.1", port: ports.account },
    tls: webTls(directory),
    services: {
      address: `localhost:${ports.musubid}`,
      ca_file: path.join(directory, "tls/ca.crt"),
      certificate_file: path.join(directory, `tls/rp-${RELYING_PARTY}.crt`),
      key_file: path.join(directory, `tls/rp-${RELYING_PARTY}.key`),
    },
    relying_party_id: RELYING_PARTY,
    return_uri: `${origins.account}/recovery/return`,
    tier_origin: origins.tier,
  };
}
