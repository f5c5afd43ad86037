import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CancelReason, ErrorReason, Party, VerdictReason } from "../gen/musubi/v1/common_pb.ts";
import { TIER_REASONS } from "../shared/tier_reasons.ts";
import {
  adviceFor,
  adviceForCancel,
  adviceForVerdict,
  cancelReasons,
  endedBy,
  errorReasons,
  tierReasons,
  verdictReasons,
  whoEnded,
} from "./reasons.ts";
import type { Advice } from "./reasons.ts";

const all: [string, Advice][] = [errorReasons, verdictReasons, tierReasons, cancelReasons].flatMap((table) =>
  Object.entries(table),
);

describe("words of every reason", () => {
  test("complete: every name of the contract and of the tier", () => {
    expect(Object.keys(errorReasons)).toEqual(Object.keys(ErrorReason));
    expect(Object.keys(verdictReasons)).toEqual(Object.keys(VerdictReason));
    expect(Object.keys(cancelReasons)).toEqual(Object.keys(CancelReason));
    expect(Object.keys(tierReasons).sort()).toEqual([...TIER_REASONS].sort());
    expect(Object.keys(endedBy)).toEqual(Object.keys(Party));
  });

  test("every reason of docs/errors.md is one of them", () => {
    const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
    const names = [...page.matchAll(/^\| `([A-Z_]+)` \| \d+ \| [A-Z_]+ \|/gm)].map((match) => match[1] ?? "");
    expect(names.length).toBeGreaterThan(40);
    for (const name of names) expect(Object.keys(errorReasons)).toContain(name);
  });

  test.each(all)("%s: what happened and the next step, in both languages", (_name, advice) => {
    for (const words of [advice.title, advice.next]) {
      expect(words.ja).toMatch(/[ぁ-ん]/);
      expect(words.en).toMatch(/^[A-Z][\x20-\x7e“”–]+$/);
    }
    // A whole sentence that asks for something, or says that nothing is to be done.
    expect(advice.next.ja).toMatch(/。$/);
    expect(advice.next.en).toMatch(/\.$/);
    expect(advice.title.ja).not.toMatch(/。$/);
  });

  test("cancelling is an outcome: nothing of it is called an error", () => {
    for (const { title, next } of Object.values(cancelReasons)) {
      expect(`${title.en} ${next.en}`).not.toMatch(/error|fail|wrong/i);
      expect(`${title.ja} ${next.ja}`).not.toMatch(/エラー|失敗/);
    }
  });

  test("no reason blames, and none shows a name of a program", () => {
    for (const [, { title, next }] of all) {
      expect(`${title.ja}${next.ja}`).not.toMatch(/不正なユーザー|例外|サーバーエラー/);
      expect(`${title.en}${next.en}`).not.toMatch(/[A-Z]+_[A-Z]+/);
    }
  });

  test("a name or number of a newer server is a fault of ours, with words", () => {
    expect(adviceFor("SOMETHING_NEW")).toBe(errorReasons.INTERNAL);
    expect(adviceFor("toString")).toBe(errorReasons.INTERNAL);
    expect(adviceForVerdict(9999 as VerdictReason)).toBe(verdictReasons.UNSPECIFIED);
    expect(adviceForCancel(9999 as CancelReason)).toBe(cancelReasons.UNSPECIFIED);
    expect(whoEnded(9999 as Party)).toBe(endedBy.UNSPECIFIED);
  });

  test("names lead to their own words", () => {
    expect(adviceFor("NETWORK").title.en).toBe("There is no connection");
    expect(adviceFor("SESSION_REPLACED")).toBe(tierReasons.SESSION_REPLACED);
    expect(adviceFor("RATE_LIMITED")).toBe(errorReasons.RATE_LIMITED);
    expect(adviceForVerdict(VerdictReason.EXPIRED)).toBe(verdictReasons.EXPIRED);
    expect(adviceForCancel(CancelReason.NOT_ME)).toBe(cancelReasons.NOT_ME);
  });
});
