import { describe, expect, test } from "vitest";
import { problem } from "../account/fakes.ts";
import type { Reason } from "../account/reason.ts";
import { begin, firstWay, nameOfState, step, wants } from "./machine.ts";
import type { Event, Journey, State } from "./machine.ts";

const CODE = { sessionId: "A".repeat(22), code: "c".repeat(43) };
const OTHER = "B".repeat(22);
const JOURNEY: Journey = {
  sessionId: CODE.sessionId,
  relyingParty: { ja: "見本大学", en: "Sample University" },
  policyUrl: "https://account.example/policy",
  termsUrl: "https://account.example/terms",
  crossDevice: false,
};
const OFFERED: State = { kind: "offered", code: CODE, trouble: null };
const CLAIMING: State = { kind: "claiming", code: CODE };
const LOOKING: State = { kind: "looking", sessionId: CODE.sessionId, trouble: null };

const run = (state: State, ...events: Event[]) => events.reduce(step, state);
const calls = (state: State) => wants(state).map((want) => want.call);

test("Opening the page claims nothing", () => {
  expect(calls(begin(CODE))).toEqual(["known"]);
  expect(calls(run(begin(CODE), { type: "known", verifySession: null }))).toEqual([]);
});

describe("What the page opens with", () => {
  test.each<[string, State, Event, string]>([
    ["a code", begin(CODE), { type: "known", verifySession: null }, "start-offered"],
    [
      "a code, and another recovery under way",
      begin(CODE),
      { type: "known", verifySession: OTHER },
      "start-offered",
    ],
    [
      "a code that was claimed here",
      begin(CODE),
      { type: "known", verifySession: CODE.sessionId },
      "start-looking",
    ],
    [
      "no code after a reload",
      begin(null),
      { type: "known", verifySession: CODE.sessionId },
      "start-looking",
    ],
    ["no code", begin(null), { type: "known", verifySession: null }, "start-no-code"],
    ["a code, when nothing is known", begin(CODE), { type: "known-failed" }, "start-offered"],
    ["no code, when nothing is known", begin(null), { type: "known-failed" }, "start-no-code"],
  ])("%s", (_, start, event, name) => {
    expect(nameOfState(step(start, event), true)).toBe(name);
  });
});

test("A press claims the code, once, and then says who asks", () => {
  const claiming = run(OFFERED, { type: "begin" }, { type: "begin" });
  expect(claiming).toEqual(CLAIMING);
  expect(wants(claiming)).toEqual([{ key: "claim", call: "claim", code: CODE }]);
  const looking = run(claiming, { type: "claimed" });
  expect(wants(looking)).toEqual([{ key: "session", call: "session", sessionId: CODE.sessionId }]);
  expect(run(looking, { type: "session", journey: JOURNEY })).toEqual({ kind: "claimed", journey: JOURNEY });
});

describe("A claim that fails", () => {
  test.each<[Reason, string]>([
    ["NETWORK", "start-offered"],
    ["UNAVAILABLE", "start-offered"],
    ["TOO_MANY_REQUESTS", "start-offered"],
    ["START_CODE_INVALID", "start-refused-START_CODE_INVALID"],
    ["WRONG_STATE", "start-refused-START_CODE_INVALID"],
    ["SESSION_EXPIRED", "start-refused-SESSION_EXPIRED"],
    ["CROSS_SITE", "start-refused-CROSS_SITE"],
  ])("%s: %s", (reason, name) => {
    const state = run(CLAIMING, { type: "claim-failed", problem: problem(reason) });
    expect(nameOfState(state, true)).toBe(name);
    expect(calls(state)).toEqual([]);
  });
});

test("Looking that fails is tried again by a press", () => {
  const state = run(LOOKING, { type: "session-failed", problem: problem("NETWORK") });
  expect(calls(state)).toEqual([]);
  expect(calls(run(state, { type: "retry" }))).toEqual(["session"]);
});

test.each([
  ["on a phone: here", true, false, "here"],
  ["on a phone, both allowed: here", true, true, "here"],
  ["on a PC: recovery goes on on the phone", false, false, "qr"],
  ["on a PC, where pairing is allowed: with the phone", false, true, "pc"],
] as const)("What is offered first %s", (_, onPhone, crossDevice, way) => {
  expect(firstWay({ ...JOURNEY, crossDevice }, onPhone)).toBe(way);
});
