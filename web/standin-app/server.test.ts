import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { TestBrowser } from "../shared/testing/browser.ts";
import { makeTestCertificate } from "../shared/testing/tls.ts";
import { StandInConfigSchema } from "./config.ts";
import { startStandIn } from "./server.ts";
import type { StandIn } from "./server.ts";

const TIER = "https://link.localhost:7443";
const certificate = makeTestCertificate(["app.localhost"]);
let folder: string;
let app: StandIn;
let origin: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "musubi-standin-"));
  writeFileSync(join(folder, "index.html"), '<meta name="tier-origin" content="https://tier.invalid" />');
  writeFileSync(join(folder, "index-abc.js"), "export {};");
  writeFileSync(join(folder, ".hidden"), "no");
  app = await startStandIn({
    host: "127.0.0.1",
    port: 0,
    tls: { certificate: certificate.cert, key: certificate.key },
    staticDir: folder,
    tierOrigin: TIER,
  });
  origin = `https://app.localhost:${app.port}`;
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

describe("the stand-in's server", () => {
  it("gives the page, with the tier that it is connected to", async () => {
    const answer = await new TestBrowser(certificate.cert).send(`${origin}/`);
    expect([answer.status, answer.body]).toEqual([200, `<meta name="tier-origin" content="${TIER}" />`]);
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  it("has a page in both languages for each place that the tier's pages name", async () => {
    for (const path of ["/install/ios", "/install/android", "/phones"]) {
      const answer = await new TestBrowser(certificate.cert).send(`${origin}${path}`);
      expect(answer.status).toBe(200);
      expect(answer.body).toContain("見本");
      expect(answer.body).toContain("stand-in");
    }
  });

  it("lets the page call the tier alone, and nobody frame it", async () => {
    const { headers } = await new TestBrowser(certificate.cert).send(`${origin}/`);
    const policy = String(headers["content-security-policy"]).split(";");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain(`connect-src ${TIER}`);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(String(headers["content-security-policy"])).not.toContain("unsafe");
    expect(headers["referrer-policy"]).toBe("no-referrer");
  });

  it("sets no cookie, and no HSTS: its certificate is a test's", async () => {
    const browser = new TestBrowser(certificate.cert);
    for (const path of ["/", "/index-abc.js", "/nothing"]) {
      const { headers } = await browser.send(`${origin}${path}`);
      expect([headers["set-cookie"], headers["strict-transport-security"]]).toEqual([undefined, undefined]);
    }
  });

  it.each([
    ["/index-abc.js", 200],
    ["/index.html", 404],
    ["/.hidden", 404],
    ["/nothing", 404],
    ["/%2e%2e/%2e%2e/etc/passwd", 404],
    ["/rpc/app/musubi.v1.PairingService/ClaimQr", 404],
  ])("has nothing but the page's files: %s", async (path, status) => {
    expect((await new TestBrowser(certificate.cert).send(`${origin}${path}`)).status).toBe(status);
  });
});

describe("its configuration", () => {
  const config = {
    listen: { port: 0 },
    tls: { certificate_file: "crt", key_file: "key" },
    static_dir: "dist",
    tier_origin: TIER,
  };
  it.each<[string, boolean]>([
    [TIER, true],
    ["http://link.localhost:7443", false],
    [`${TIER}/`, false],
    [`${TIER}/path`, false],
    ["https://link.localhost; script-src *", false],
  ])("takes an origin for the tier's, and nothing else: %s", (tier_origin, good) => {
    expect(StandInConfigSchema.safeParse({ ...config, tier_origin }).success).toBe(good);
  });
});
