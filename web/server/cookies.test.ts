import { describe, expect, it } from "vitest";
import { COOKIES, type CookieKind, type CookieValue } from "./cookies.ts";
import { FakeClock, START, testCookies } from "./testing.ts";

const values: { [K in CookieKind]: CookieValue<K> } = {
  session: { id: "c2Vzc2lvbg", credential: "Y3JlZGVudGlhbA", act: "LINK", returned: false },
  signIn: {
    issuer: "https://login.mihon.example",
    subject: "shiken-001",
    name: "shiken-001",
    hint: "sh***",
    authTime: START / 1_000,
    acr: "urn:example:acr:mfa",
    fresh: true,
  },
  oidc: { state: "s", nonce: "n" },
  result: { returnUri: "https://account.mihon.example/return", state: "s", code: "c" },
};
const kinds = Object.keys(COOKIES) as CookieKind[];
const pairOf = (setCookie: string): string => setCookie.split(";")[0] ?? "";

describe.each(kinds)("the cookie %s", (kind) => {
  const clock = new FakeClock();
  const cookies = testCookies(clock);
  const set = cookies.set(kind, values[kind], START + 90_500);

  it("has the flags that keep it from scripts, other hosts and other sites, and a Max-Age", () => {
    const [pair, ...attributes] = set.split("; ");
    expect(pair).toMatch(new RegExp(`^${COOKIES[kind].name}=k1\\.[A-Za-z0-9_-]+$`));
    expect(COOKIES[kind].name).toMatch(/^__Host-/);
    expect(attributes.sort()).toEqual(["HttpOnly", "Max-Age=90", "Path=/", "SameSite=Lax", "Secure"]);
  });

  it("is read back", () => {
    expect(cookies.read(kind, `other=1; ${pairOf(set)}`)).toEqual({
      value: values[kind],
      expiresAt: START + 90_500,
    });
  });

  it("is not read from the value of another cookie", () => {
    for (const other of kinds.filter((name) => name !== kind)) {
      const moved = pairOf(cookies.set(other, values[other], START + 60_000)).replace(
        COOKIES[other].name,
        COOKIES[kind].name,
      );
      expect(cookies.read(kind, moved), other).toBeUndefined();
    }
  });

  it("is not read when it is absent, plain or over", () => {
    expect(cookies.read(kind, undefined)).toBeUndefined();
    expect(cookies.read(kind, `${COOKIES[kind].name}=${JSON.stringify(values[kind])}`)).toBeUndefined();
    clock.advance(90_500);
    expect(cookies.read(kind, pairOf(set))).toBeUndefined();
  });

  it("is forgotten with the same flags", () => {
    expect(cookies.clear(kind)).toBe(
      `${COOKIES[kind].name}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
  });
});

it("a value that browsers would drop is an error, not a lost sign-in", () => {
  const cookies = testCookies(new FakeClock());
  expect(() => cookies.set("signIn", { ...values.signIn, name: "x".repeat(4_000) }, START + 1)).toThrow(
    /__Host-musubi_signin has \d+ octets/,
  );
});
