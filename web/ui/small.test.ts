// The small parts without DOM: language, code, base64url, QR, countdown, problems, machine.
import { Code, ConnectError } from "@connectrpc/connect";
import { encode } from "uqr";
import jsQR from "jsqr";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { fromBase64Url, toBase64Url } from "./bytes.ts";
import { isCode, normaliseCode } from "./code.ts";
import { spokenSecond } from "./components.tsx";
import { FakeTime } from "./fake_time.ts";
import { chooseLocale, formatInstant, formatSeconds } from "./i18n.tsx";
import { createStore } from "./machine.tsx";
import { Refused, problemOf, withRetry } from "./problem.ts";
import { qrPath } from "./qr_path.ts";

describe("language", () => {
  const table: [string | null, string[], "ja" | "en"][] = [
    [null, [], "ja"],
    [null, ["ja-JP", "en"], "ja"],
    [null, ["en-GB", "ja"], "en"],
    [null, ["fr", "en-US"], "en"],
    [null, ["fr", "de"], "ja"],
    ["en", ["ja"], "en"],
    ["ja", ["en"], "ja"],
    ["xx", ["en"], "en"],
  ];
  test.each(table)("stored %j, browser %j: %s", (stored, languages, locale) => {
    expect(chooseLocale(stored, languages)).toBe(locale);
  });
  test("time left, in both languages", () => {
    expect(formatSeconds("ja", 270)).toBe("4 分 30 秒");
    expect(formatSeconds("en", 270)).toBe("4 minutes, 30 seconds");
    expect(formatSeconds("en", 61)).toBe("1 minute, 1 second");
    expect(formatSeconds("en", 120)).toBe("2 minutes");
    expect(formatSeconds("ja", 9)).toBe("9 秒");
    expect(formatSeconds("en", -5)).toBe("0 seconds");
  });
  test("dates, in both languages", () => {
    const noon = Date.UTC(2026, 10, 27, 12);
    expect(formatInstant("ja", noon)).toContain("2026年11月2");
    expect(formatInstant("en", noon)).toContain("November 2");
  });
});

describe("countdown", () => {
  test.each([
    [300, null],
    [61, null],
    [60, 60],
    [11, 60],
    [10, 10],
    [1, 10],
    [0, 0],
  ])("%i s left: what is read out changes at 60 and 10 only (%s)", (left, spoken) => {
    expect(spokenSecond(left)).toBe(spoken);
  });
});

describe("base64url", () => {
  test("there and back, without padding", () => {
    for (const octets of [[], [0], [251, 255], [1, 2, 3], [255, 254, 253, 252]]) {
      const text = toBase64Url(Uint8Array.from(octets));
      expect(text).not.toMatch(/[+/=]/);
      expect(fromBase64Url(text)).toEqual(Uint8Array.from(octets));
    }
  });
  test.each(["a", "a+b=", "a b", "é", "aaaaa"])("%j is none", (text) => {
    expect(fromBase64Url(text)).toBeNull();
  });
});

describe("code", () => {
  test("blanks, hyphens and wide digits are the same code", () => {
    for (const text of ["123456", "123-456", "１２３４５６", " 123 456 ", "123–456", "12ー34ー56"]) {
      expect(normaliseCode(text)).toBe("123456");
      expect(isCode(normaliseCode(text))).toBe(true);
    }
  });
  test("other digits than those of the contract are none", () => {
    for (const text of ["١٢٣٤٥٦", "12345", "1234567", "12a456"])
      expect(isCode(normaliseCode(text))).toBe(false);
  });
});

describe("QR", () => {
  test("what is drawn is what a reader reads", () => {
    const content = `https://app.localhost:8443/#q=${"A".repeat(120)}`;
    const { data, size } = encode(content, { ecc: "M", border: 4 });
    const scale = 4;
    const side = size * scale;
    const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
    for (const [, x, y, length] of qrPath(data).matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
      for (let py = Number(y) * scale; py < (Number(y) + 1) * scale; py += 1) {
        for (let px = Number(x) * scale; px < (Number(x) + Number(length)) * scale; px += 1) {
          pixels.fill(0, (py * side + px) * 4, (py * side + px) * 4 + 3);
        }
      }
    }
    const read = jsQR(pixels, side, side);
    expect(read?.data).toBe(content);
  });
});

describe("problems", () => {
  const info = (reason: string) => ({
    desc: ErrorInfoSchema,
    value: { reason, metadata: { tries_left: "3" } },
  });
  test("the reason and facts of ErrorInfo", () => {
    const error = new ConnectError("no", Code.InvalidArgument, undefined, [
      info("PAIRING_CODE_WRONG"),
      { desc: RetryInfoSchema, value: { retryDelay: { seconds: 2n, nanos: 500_000_000 } } },
    ]);
    expect(problemOf(error)).toEqual({
      reason: "PAIRING_CODE_WRONG",
      metadata: { tries_left: "3" },
      retryAfterMs: 2500,
    });
  });
  const codes: [unknown, string][] = [
    [new ConnectError("x", Code.Unavailable), "UNAVAILABLE"],
    [new ConnectError("x", Code.DeadlineExceeded), "UNAVAILABLE"],
    [new ConnectError("x", Code.ResourceExhausted), "OVERLOADED"],
    [new ConnectError("x", Code.Unknown), "INTERNAL"],
    [new TypeError("Failed to fetch"), "NETWORK"],
    [ConnectError.from(new TypeError("Failed to fetch")), "NETWORK"],
    [new Refused("CROSS_SITE"), "CROSS_SITE"],
    ["anything", "INTERNAL"],
  ];
  test.each(codes)("%s is %s", (error, reason) => {
    expect(problemOf(error).reason).toBe(reason);
  });

  /** A call that is always refused, and how often it was made. */
  function refusing(reason: string, retryAfterMs: number | null = null) {
    const counted = {
      calls: 0,
      call: () => {
        counted.calls += 1;
        return Promise.reject(new Refused(reason, retryAfterMs));
      },
    };
    return counted;
  }

  test("a passing problem is tried three times in all", async () => {
    const time = new FakeTime();
    const counted = refusing("UNAVAILABLE");
    const outcome = withRetry(time, counted.call).catch((error: unknown) => problemOf(error).reason);
    for (let i = 0; i < 20; i += 1) {
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      time.advance(2000);
    }
    expect(await outcome).toBe("UNAVAILABLE");
    expect(counted.calls).toBe(3);
  });
  test("another one is not", async () => {
    const counted = refusing("WRONG_STATE");
    await expect(withRetry(new FakeTime(), counted.call)).rejects.toThrow("WRONG_STATE");
    expect(counted.calls).toBe(1);
  });
  test("a long wait is the person's to know", async () => {
    const counted = refusing("OVERLOADED", 60_000);
    await expect(withRetry(new FakeTime(), counted.call)).rejects.toThrow("OVERLOADED");
    expect(counted.calls).toBe(1);
  });
});

describe("a store", () => {
  test("an event that an effect sends waits for the one that is on", () => {
    const seen: number[] = [];
    const store = createStore<number, number, number>({
      machine: (state, event) => [state + event, ...(event === 1 ? [10, 100] : [])],
      initial: 0,
      now: () => 0,
      perform: (effect, self) => {
        self.send(effect);
        seen.push(self.state);
      },
    });
    store.send(1);
    expect(seen).toEqual([1, 1]);
    expect(store.state).toBe(111);
  });
});
