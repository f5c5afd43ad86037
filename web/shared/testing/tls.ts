// For tests: a certificate for loopback names, made by the openssl command and thrown away.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestCertificate {
  /** PEM. Signed by itself: it is its own CA file. */
  cert: string;
  key: string;
}

/** For localhost and 127.0.0.1, and names below localhost if given. */
export function makeTestCertificate(names: readonly string[] = []): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), "musubi-tls-"));
  try {
    const alternative = ["DNS:localhost", "IP:127.0.0.1", ...names.map((name) => `DNS:${name}`)].join(",");
    const [key, cert] = [join(folder, "key"), join(folder, "crt")];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"].concat(
        [
          "-subj",
          "/CN=Musubi test",
          "-addext",
          `subjectAltName=${alternative}`,
          "-keyout",
          key,
          "-out",
          cert,
        ],
      ),
      { stdio: "ignore" },
    );
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
