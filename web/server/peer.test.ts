import { describe, expect, it } from "vitest";
import { clientContext, clientNetwork } from "./peer.ts";

const context = (headers: Record<string, string>): string => {
  const { browser, operatingSystem } = clientContext((name) => headers[name]);
  return `${browser} | ${operatingSystem}`;
};
const MOZILLA = "Mozilla/5.0";
const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";

describe("what a phone's owner is told of the browser", () => {
  it.each([
    [
      "Firefox 140 | Windows",
      `${MOZILLA} (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0`,
    ],
    ["Chrome 140 | macOS", `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) ${CHROME} Safari/537.36`],
    ["Edge 140 | Windows", `${MOZILLA} (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36 Edg/140.0.0.0`],
    ["Opera 120 | Linux", `${MOZILLA} (X11; Linux x86_64) ${CHROME} Safari/537.36 OPR/120.0.0.0`],
    ["Chrome 140 | ChromeOS", `${MOZILLA} (X11; CrOS x86_64 14541.0.0) ${CHROME} Safari/537.36`],
    ["Chrome 140 | Android", `${MOZILLA} (Linux; Android 10; K) ${CHROME} Mobile Safari/537.36`],
    [
      "Samsung Internet 28 | Android",
      `${MOZILLA} (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36`,
    ],
    [
      "Safari 18 | iPhone",
      `${MOZILLA} (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1`,
    ],
    [
      "Chrome 140 | iPhone",
      `${MOZILLA} (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.7339.39 Mobile/15E148 Safari/604.1`,
    ],
    [
      "Safari 18 | macOS",
      `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15`,
    ],
    ["Chrome 140 | Linux", `${MOZILLA} (X11; Linux x86_64) ${CHROME} Safari/537.36`],
    [" | ", "curl/8.5"],
    [" | ", ""],
  ])("is %s", (expected, userAgent) => {
    expect(context({ "user-agent": userAgent })).toBe(expected);
  });

  it("prefers client hints, which say what a user agent hides", () => {
    expect(
      context({
        "user-agent": `${MOZILLA} (X11; Linux x86_64) ${CHROME} Safari/537.36`,
        "sec-ch-ua": '"Chromium";v="141", "Not?A_Brand";v="8", "Brave";v="141"',
        "sec-ch-ua-platform": '"Windows"',
      }),
    ).toBe("Brave 141 | Windows");
  });

  it.each([
    { "user-agent": "<script>alert(1)</script>" },
    { "sec-ch-ua": '"Ask your bank";v="99"', "sec-ch-ua-platform": '"Your own PC"' },
    { "sec-ch-ua": '"Google Chrome";v="140 and this is safe"' },
    { "user-agent": `Firefox/${"9".repeat(500)}` },
  ])("has no words of the browser's own: %o", (headers) => {
    expect(context(headers)).toMatch(/^(|Firefox \d{1,4}) \| $/);
  });
});

describe("the network of an address", () => {
  it.each([
    ["192.0.2.77", "192.0.2.0/24"],
    ["::ffff:192.0.2.77", "192.0.2.0/24"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
    ["2001:db8::1", "2001:db8::/48"],
    ["2001:0DB8:00aB::1", "2001:db8:ab::/48"],
    ["2001:db8:0:1::1", "2001:db8::/48"],
    ["fe80::1%eth0", "fe80::/48"],
    ["::1", "::/48"],
    ["not an address", ""],
    ["", ""],
  ])("of %s is %s", (address, network) => {
    expect(clientNetwork(address)).toBe(network);
  });
});
