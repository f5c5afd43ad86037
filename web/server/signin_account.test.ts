import { expect, test } from "vitest";

import { maskedHint, shownName } from "./signin_account.ts";

test.each([
  ["shiken-001", "sh***"],
  ["shiken-001@mihon.example", "sh***@mihon.example"],
  ["abc", "a***"],
  ["ab", "a***"],
  ["a", "***"],
  ["", "***"],
  ["@mihon.example", "***@mihon.example"],
  ["a@b@mihon.example", "a***@mihon.example"],
  ["試験一号", "試験***"],
  // A domain that has no room is left out rather than cut.
  [`shiken@${"d".repeat(70)}.example`, "sh***"],
  ["𠮷野屋本店", "𠮷野***"],
])("of the account %s others see %s", (name, hint) => {
  expect(maskedHint(name)).toBe(hint);
  expect(Buffer.byteLength(hint)).toBeLessThanOrEqual(64);
});

test.each([
  ["  shiken-001  ", "shiken-001"],
  // Line breaks, text that is turned around, characters of no width.
  ["shi\nken\u0000-001", "shiken-001"],
  ["\u202Eshiken\u202C\u200B", "shiken"],
  ["<script>alert(1)</script>", "<script>alert(1)</script>"],
  ["試".repeat(100), "試".repeat(64)],
  ["\u200B\u2060", ""],
])("the name %j is shown as %j", (claim, shown) => {
  expect(shownName(claim)).toBe(shown);
});
