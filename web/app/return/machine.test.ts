import { describe, expect, test } from "vitest";
import { problem } from "../account/fakes.ts";
import type { Reason } from "../account/reason.ts";
import { begin, nameOfState, step, wants } from "./machine.ts";
import type { Act, Event, Mine, State } from "./machine.ts";

const CODE = { sessionId: "A".repeat(22), code: "c".repeat(43) };
const mine = (act: Act): Mine => ({ sessionId: CODE.sessionId, act });
const OTHERS: Mine = { sessionId: "B".repeat(22), act: "LINK" };

const run = (state: State, ...events: Event[]) => events.reduce(step, state);
const completing = (act: Act): State => ({ kind: "completing", mine: mine(act), code: CODE.code });
const fail = (reason: Reason): Event => ({ type: "failed", problem: problem(reason) });

describe("Who completes the return", () => {
  test.each<[string, State, Mine | null, string, string[]]>([
    ["the browser that began", begin(CODE), mine("LINK"), "return-completing", ["complete"]],
    ["a browser without a session: nobody", begin(CODE), null, "return-other-browser", []],
    ["a browser with another session: nobody", begin(CODE), OTHERS, "return-other-browser", []],
    ["without a code: nobody", begin(null), mine("LINK"), "return-no-code", []],
    ["without code and session: nobody", begin(null), null, "return-no-code", []],
  ])("%s", (_, start, known, name, calls) => {
    const state = run(start, { type: "known", mine: known });
    expect(nameOfState(state)).toBe(name);
    expect(wants(state).map((want) => want.call)).toEqual(calls);
  });
});

test.each<[Act, string]>([
  ["LINK", "journey"],
  ["UNLINK", "journey"],
  ["REPLACE", "journey"],
  ["VERIFY", "result"],
])("After %s the browser goes on to the %s", (act, to) => {
  expect(wants(run(completing(act), { type: "completed" }))).toEqual([{ key: "go", call: "go", to }]);
});

describe("What a failed return leads to", () => {
  test.each<[Reason, Act, string]>([
    ["RETURN_IN_OTHER_BROWSER", "LINK", "return-other-browser"],
    ["NO_SESSION", "LINK", "return-other-browser"],
    ["SESSION_REPLACED", "LINK", "return-other-browser"],
    ["CREDENTIAL_INVALID", "LINK", "return-other-browser"],
    ["RETURN_CODE_INVALID", "LINK", "return-code-over"],
    ["WRONG_STATE", "LINK", "return-going"],
    ["WRONG_STATE", "VERIFY", "return-going"],
    ["SESSION_EXPIRED", "VERIFY", "return-going"],
    ["SESSION_ALREADY_USED", "VERIFY", "return-going"],
    ["NETWORK", "LINK", "return-trouble"],
    ["OVERLOADED", "VERIFY", "return-trouble"],
    ["CROSS_SITE", "LINK", "return-refused-CROSS_SITE"],
  ])("%s of %s: %s", (reason, act, name) => {
    expect(nameOfState(run(completing(act), fail(reason)))).toBe(name);
  });
});

test("A VERIFY session that went on elsewhere is shown by the journey", () => {
  expect(run(completing("VERIFY"), fail("WRONG_STATE"))).toEqual({ kind: "going", to: "journey" });
});

test("One press tries again, with the same code", () => {
  const state = run(completing("LINK"), fail("NETWORK"));
  expect(wants(state)).toEqual([]);
  expect(run(state, { type: "retry" })).toEqual(completing("LINK"));
});

test("What this browser has is asked again by a press", () => {
  const state = run(begin(CODE), { type: "known-failed", problem: problem("NETWORK") });
  expect(wants(state)).toEqual([]);
  expect(wants(run(state, { type: "retry" }))).toEqual([{ key: "known", call: "known" }]);
});

test("A late answer changes nothing", () => {
  const over: State = { kind: "other-browser" };
  for (const event of [{ type: "completed" }, { type: "retry" }, fail("NETWORK")] satisfies Event[]) {
    expect(step(over, event)).toBe(over);
  }
});
