// What the tier says about a browser to the services: its make and system, coarse, for the phone's owner to
// compare with the PC in front of them; its network, for limits. Never an address.
import { isIPv4, isIPv6 } from "node:net";

/** Looks a header up; undefined if it is absent. */
export type HeaderOf = (name: string) => string | undefined;

// Only these names are ever shown on a phone, so that no header can put words there. The more particular
// first: most browsers call themselves by the names of others, too.
const BROWSERS: readonly [name: string, brand: string, userAgent: RegExp][] = [
  ["Edge", "Microsoft Edge", /\b(?:Edg|EdgA|EdgiOS)\/(\d{1,4})/],
  ["Opera", "Opera", /\b(?:OPR|OPT)\/(\d{1,4})/],
  ["Samsung Internet", "Samsung Internet", /\bSamsungBrowser\/(\d{1,4})/],
  ["Vivaldi", "Vivaldi", /\bVivaldi\/(\d{1,4})/],
  ["Brave", "Brave", /\bBrave\/(\d{1,4})/],
  ["Firefox", "Firefox", /\b(?:Firefox|FxiOS)\/(\d{1,4})/],
  ["Chrome", "Google Chrome", /\b(?:Chrome|CriOS)\/(\d{1,4})/],
  ["Chromium", "Chromium", /\bChromium\/(\d{1,4})/],
  ["Safari", "Safari", /\bVersion\/(\d{1,4})[\d.]* (?:Mobile\/\w+ )?Safari\//],
];
const SYSTEMS: readonly [name: string, platform: string, userAgent: RegExp][] = [
  ["iPhone", "iOS", /\b(?:iPhone|iPod)\b/],
  ["iPad", "iPadOS", /\biPad\b/],
  ["Android", "Android", /\bAndroid\b/],
  ["ChromeOS", "Chrome OS", /\bCrOS\b/],
  ["Windows", "Windows", /\bWindows\b/],
  ["macOS", "macOS", /\bMac(?:intosh| OS X)\b/],
  ["Linux", "Linux", /\bLinux\b/],
];

/** As in {browser: "Firefox 140", operatingSystem: "Windows"}; empty where nobody can tell. */
export function clientContext(header: HeaderOf): { browser: string; operatingSystem: string } {
  const userAgent = (header("user-agent") ?? "").slice(0, 512);
  return { browser: browserOf(header, userAgent), operatingSystem: systemOf(header, userAgent) };
}

function browserOf(header: HeaderOf, userAgent: string): string {
  const hints = new Map<string, string>();
  for (const [, brand, version] of (header("sec-ch-ua") ?? "")
    .slice(0, 512)
    .matchAll(/"([^"\\]*)";v="(\d{1,4})[\d.]*"/g)) {
    if (brand !== undefined && version !== undefined) hints.set(brand, version);
  }
  for (const [name, brand] of BROWSERS) {
    const version = hints.get(brand);
    if (version !== undefined) return `${name} ${version}`;
  }
  for (const [name, , pattern] of BROWSERS) {
    const version = pattern.exec(userAgent)?.[1];
    if (version !== undefined) return `${name} ${version}`;
  }
  return "";
}

function systemOf(header: HeaderOf, userAgent: string): string {
  const hint = /^"([^"\\]*)"$/.exec((header("sec-ch-ua-platform") ?? "").slice(0, 64))?.[1];
  const found =
    SYSTEMS.find(([, platform]) => platform === hint) ??
    SYSTEMS.find(([, , pattern]) => pattern.test(userAgent));
  return found?.[0] ?? "";
}

/** The network of an address: an IPv4 /24 or an IPv6 /48, as in "192.0.2.0/24"; empty if it is none. */
export function clientNetwork(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIPv4(mapped)) return `${mapped.split(".").slice(0, 3).join(".")}.0/24`;
  const bare = mapped.split("%")[0] ?? "";
  if (!isIPv6(bare)) return "";
  // The first three groups are all before "::", or what "::" stands for is zeros.
  const head = (bare.split("::")[0] ?? "").split(":").filter((group) => group !== "");
  const groups = [0, 1, 2].map((i) => Number.parseInt(head[i] ?? "0", 16).toString(16));
  while (groups.length > 0 && groups.at(-1) === "0") groups.pop();
  return `${groups.join(":")}::/48`;
}
