import { describe, expect, it } from "vitest";

import { toBase64Url } from "../ui/bytes.ts";
import { parseLink } from "./link.ts";

const sid = new Uint8Array(16).fill(1);
const token = new Uint8Array(32).fill(2);
const text = `${toBase64Url(sid)}.${toBase64Url(token)}`;

describe("a link", () => {
  it("of a QR code is its payload", () => {
    expect(parseLink("#q=AbC_-9")).toEqual({ kind: "QR", payload: "AbC_-9" });
  });
  it("of a hand-off is session and token", () => {
    expect(parseLink(`#h=${text}`)).toEqual({ kind: "HANDOFF", sessionId: sid, token });
  });
  it.each([
    ...["", "#", "#q=", "#q=a b", "#q=%41", "#x=abc", "abc", `#q=${"A".repeat(257)}`],
    ...[
      "#h=",
      `#h=${toBase64Url(sid)}`,
      `#h=${text}.x`,
      `#h=.${text}`,
      `#h=${toBase64Url(token)}.${toBase64Url(sid)}`,
    ],
    ...[`#h=${text}&next=https://evil.example`, "#h=../../..", "#h=<script>"],
  ])("that is none is said to be damaged: %s", (fragment) => {
    expect(parseLink(fragment)).toBeNull();
  });
});
