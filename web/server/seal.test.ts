import { describe, expect, it } from "vitest";
import { parseKeyring, Sealer } from "./seal.ts";
import { countingRandom, FakeClock, START, testKey, testKeyring } from "./testing.ts";

const HOUR = 3_600_000;
const encodedKey = testKey.toString("base64url");
const otherKey = Buffer.alloc(32, 8);

describe("a keyring file", () => {
  it("is read as the C++ services read theirs", () => {
    const text = `# made by musubictl\n\nk2 ${otherKey.toString("base64url")}\nk1 ${encodedKey}\n`;
    const keyring = parseKeyring(text, "web.keyring");
    expect(keyring.active).toBe("k2");
    expect([...keyring.keys]).toEqual([
      ["k2", otherKey],
      ["k1", testKey],
    ]);
  });

  it.each([
    ["no key at all", "# nothing\n", "web.keyring: has no key"],
    ["a key that is too short", "k1 AAAA\n", "web.keyring: line 1: must be `id key`"],
    ["an id in capitals", `K1 ${encodedKey}\n`, "line 1: must be `id key`"],
    ["the same id twice", `k1 ${encodedKey}\nk1 ${encodedKey}\n`, "line 2: key k1 is there twice"],
    ["bits beyond 32 octets", `k1 ${encodedKey.slice(0, -1)}9\n`, "canonical base64url"],
  ])("is refused with %s", (_, text, message) => {
    expect(() => parseKeyring(text, "web.keyring")).toThrow(message);
  });

  it("never shows a key in a message", () => {
    expect(() => parseKeyring(`k1 ${encodedKey}!\n`, "web.keyring")).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(encodedKey) as string }),
    );
  });
});

describe("a sealed value", () => {
  const clock = new FakeClock();
  const sealer = new Sealer(testKeyring, clock, countingRandom());
  const sealed = sealer.seal("cookie", { subject: "試験 一号" }, START + HOUR);

  it("is opened for the purpose that it was sealed for", () => {
    expect(sealer.open("cookie", sealed)).toEqual({
      value: { subject: "試験 一号" },
      expiresAt: START + HOUR,
    });
  });

  it("shows nothing of what is in it", () => {
    expect(Buffer.from(sealed.slice(3), "base64url").toString("utf8")).not.toContain("subject");
  });

  it("is not opened for another purpose", () => {
    expect(sealer.open("other", sealed)).toBeUndefined();
  });

  it("is not opened at its end, and is the millisecond before", () => {
    const late = new FakeClock();
    const other = new Sealer(testKeyring, late, countingRandom());
    late.advance(HOUR - 1);
    expect(other.open("cookie", sealed)).toBeDefined();
    late.advance(1);
    expect(other.open("cookie", sealed)).toBeUndefined();
  });

  it("is not opened when any one octet is changed", () => {
    const octets = Buffer.from(sealed.slice(3), "base64url");
    for (let i = 0; i < octets.length; ++i) {
      const changed = Buffer.from(octets);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(sealer.open("cookie", `k1.${changed.toString("base64url")}`), `octet ${i}`).toBeUndefined();
    }
  });

  it.each([
    ["nothing", ""],
    ["no key id", sealed.slice(3)],
    ["a key id that is not in the keyring", `k9.${sealed.slice(3)}`],
    ["a third part", `${sealed}.x`],
    ["a cut end", sealed.slice(0, -4)],
    ["too little for a nonce", "k1.AAAA"],
    ["padding", `${sealed}=`],
  ])("is not opened from %s", (_, value) => {
    expect(sealer.open("cookie", value)).toBeUndefined();
  });

  it("is opened after another key came in front, and not when its key is gone or another", () => {
    const open = (keys: [string, Buffer][]): unknown =>
      new Sealer({ active: "k2", keys: new Map(keys) }, clock, countingRandom()).open("cookie", sealed);
    expect(
      open([
        ["k2", otherKey],
        ["k1", testKey],
      ]),
    ).toBeDefined();
    expect(open([["k2", testKey]])).toBeUndefined();
    expect(open([["k1", otherKey]])).toBeUndefined();
  });

  it("under the same key has another nonce each time", () => {
    expect(sealer.seal("cookie", 1, START + HOUR)).not.toBe(sealer.seal("cookie", 1, START + HOUR));
  });
});
