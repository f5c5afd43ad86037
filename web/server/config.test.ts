import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, loadConfig, pageConfig, parseConfig } from "./config.ts";
import { configJson } from "./testing.ts";

type Json = Record<string, unknown>;
const part = (json: Json, key: string): Json => json[key] as Json;

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("the configuration", () => {
  it("needs no more than the example, and has limits by default", () => {
    const config = parseConfig(configJson(), "web.json");
    expect(config.limits).toMatchObject({ streams_per_session: 8, unary_seconds: 8 });
    expect(config.trusted_proxies).toEqual([]);
    expect(config.metrics_listen.host).toBe("127.0.0.1");
    expect(pageConfig(config)).toMatchObject({ relyingPartyId: "demo-university", firstStep: "ACCOUNT" });
  });

  it.each<[string, (json: Json) => void, string]>([
    ["origin", (j) => (j["origin"] = "https://a.example/path"), "origin: must be an origin: write it as"],
    ["origin", (j) => (j["origin"] = "http://a.example"), "origin: must be an origin: write it as"],
    ["app origin", (j) => (j["app_origins"] = ["*"]), "app_origins.0: must be an origin: write it as"],
    [
      "port",
      (j) => (part(j, "listen")["port"] = 70_000),
      "listen.port: must be 0 to 65535: 0 takes a free one",
    ],
    [
      "port",
      (j) => (part(j, "listen")["port"] = "80"),
      "listen.port: must be 0 to 65535: 0 takes a free one",
    ],
    ["a missing key", (j) => delete j["help_url"], "help_url: is missing: add it"],
    [
      "an unknown key",
      (j) => (part(j, "oidc")["acr"] = "x"),
      'oidc: has no key "acr": correct the name, or remove it',
    ],
    [
      "address",
      (j) => (part(j, "services")["address"] = "x"),
      "services.address: must be host:port: write it as",
    ],
    ["acts", (j) => (j["acts"] = ["VERIFY"]), "acts.0: must be LINK, UNLINK or REPLACE"],
    ["no act", (j) => (j["acts"] = []), "acts: must name an act: add LINK"],
    ["first step", (j) => (j["first_step"] = "card"), "first_step: must be ACCOUNT or CARD"],
    [
      "an http URL",
      (j) => (j["help_url"] = "http://a.example"),
      "help_url: must be an https URL: write it as",
    ],
    [
      "a limit",
      (j) => (j["limits"] = { streams: 0 }),
      "limits.streams: must be a whole number from 1 to 100000",
    ],
    ["burst", (j) => (j["limits"] = { requests_burst: 1 }), "limits.requests_burst: must not be below"],
  ])("names key, rule and fix: %s", (_, change, message) => {
    expect(problemsOf(() => parseConfig(configJson(change), "web.json"))).toEqual([
      expect.stringContaining(message) as string,
    ]);
  });

  it("says that a file is not JSON", () => {
    expect(problemsOf(() => parseConfig("{", "web.json"))[0]).toMatch(/^is not JSON/);
  });
});

describe("a configuration file", () => {
  const folder = mkdtempSync(join(tmpdir(), "web-config-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is read with what it names, and every file that is absent is named by its key", () => {
    const path = join(folder, "web.json");
    writeFileSync(path, configJson());
    const write = (name: string, text: string | undefined): void =>
      writeFileSync(join(folder, name), text ?? "");
    const [certificate] = rootCertificates;
    for (const name of ["web.keyring", "front.crt"]) write(name, name);
    write("ca.crt", certificate);
    expect(problemsOf(() => loadConfig(path))).toEqual([
      "oidc.client_secret_file: cannot read oidc.secret (ENOENT): correct the name or its permissions",
      "services.certificate_file: front.crt must be a certificate in PEM: name another file",
      "services.key_file: cannot read front.key (ENOENT): correct the name or its permissions",
    ]);
    write("oidc.secret", "oidc.secret\n");
    write("front.crt", certificate);
    write("front.key", certificate);
    expect(problemsOf(() => loadConfig(path))).toEqual([
      "services.key_file: front.key must be a private key in PEM: name another file",
    ]);
    const { privateKey } = generateKeyPairSync("ed25519");
    write("front.key", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const { config, material } = loadConfig(path);
    expect(material.clientSecret).toBe("oidc.secret");
    expect(material.keyring).toBe("web.keyring");
    expect(config.static_dir).toBe(join(folder, "dist/app"));
  });
});
