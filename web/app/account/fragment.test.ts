import { expect, test } from "vitest";
import { codeOf, takeFragment } from "./fragment.ts";

const SESSION = "A".repeat(22);
const CODE = "b-_9".repeat(10) + "xyz";

test.each([
  ["a session id and a code", `#s=${SESSION}.${CODE}`, { sessionId: SESSION, code: CODE }],
  ["nothing", "", null],
  ["an empty fragment", "#", null],
  ["another name", `#q=${SESSION}.${CODE}`, null],
  ["no code", `#s=${SESSION}`, null],
  ["a short code", `#s=${SESSION}.${CODE.slice(1)}`, null],
  ["a long session id", `#s=A${SESSION}.${CODE}`, null],
  ["padding", `#s=${SESSION}==.${CODE}`, null],
  ["something behind", `#s=${SESSION}.${CODE}&x=1`, null],
  ["markup", `#s=${"<".repeat(22)}.${CODE}`, null],
])("The fragment with %s", (_, fragment, expected) => {
  expect(codeOf(fragment)).toEqual(expected);
});

test.each([`#s=${SESSION}.${CODE}`, "#error=SIGN_IN_CANCELLED"])("%s is taken out of the address", (hash) => {
  const urls: string[] = [];
  const address = {
    location: { hash, pathname: "/start", search: "?lang=en" },
    history: { replaceState: (_data: unknown, _unused: string, url: string) => void urls.push(url) },
  };
  expect(takeFragment(address)).toBe(hash);
  expect(urls).toEqual(["/start?lang=en"]);
});
