import { describe, expect, test } from "vitest";
import { problem } from "../account/fakes.ts";
import type { Reason } from "../account/reason.ts";
import type { CardLink } from "../account/links.ts";
import type { Me } from "../account/me.ts";
import { begin, nameOfState, nextSteps, step, wants as allWants } from "./machine.ts";
import type { DecisionAct, Event, Facts, State, Used } from "./machine.ts";

const FACTS: Facts = {
  sessionId: "c2Vzc2lvbg",
  act: "LINK",
  flow: "CROSS_DEVICE",
  accountHint: "sh***",
  bound: true,
  cardName: "試験 一号",
  provenAt: 1_000,
  readyUntil: 301_000,
};
const UNBOUND: Facts = { ...FACTS, bound: false };
const ME: Me = { name: "shiken1@example.ac.jp", authTime: 900 };
const LINK: CardLink = {
  id: "0a",
  relyingPartyId: "demo-university",
  active: true,
  createdAt: 2_000,
  endedAt: null,
  endReason: null,
  name: null,
};

const DECIDE: State = { kind: "decide", facts: FACTS, me: ME, trouble: null };
const COMMITTING: State = { kind: "committing", facts: FACTS, me: ME };
const BINDING: State = { kind: "binding", facts: UNBOUND, me: ME, trouble: null };
const SIGN_IN: State = { kind: "sign-in", facts: FACTS, why: "NOT_SIGNED_IN", pressed: false, trouble: null };
const DONE: State = { kind: "done", facts: FACTS, me: ME, link: LINK, undo: { step: "offered" } };

function wants(state: State) {
  return allWants(state)[0]?.call ?? null;
}

function run(state: State, ...events: Event[]): State {
  return events.reduce(step, state);
}

describe("Where it begins", () => {
  test.each<[string, Facts, Used, Me | null, string, string | null]>([
    ["signed in, account bound: the decision", FACTS, "no", ME, "link-decide", null],
    ["signed in, card first: the account is bound first", UNBOUND, "no", ME, "link-binding", "bind"],
    ["nobody signed in: sign in", FACTS, "no", null, "link-sign-in-NOT_SIGNED_IN", null],
    ["nobody signed in, card first: sign in", UNBOUND, "no", null, "link-sign-in-NOT_SIGNED_IN", null],
    ["reloaded after the press: the answer again", FACTS, "by-this-tab", ME, "link-committing", "commit"],
    ["reloaded after the press, signed out", FACTS, "by-this-tab", null, "link-over-USED", null],
    ["used elsewhere", FACTS, "elsewhere", ME, "link-over-USED", null],
  ])("%s", (_, facts, used, me, name, want) => {
    const state = run(begin(facts, used), { type: "known", me });
    expect(nameOfState(state)).toBe(name);
    expect(wants(state)).toBe(want);
  });

  test("who is signed in is asked again by a press", () => {
    const state = run(begin(FACTS, "no"), { type: "known-failed", problem: problem("NETWORK") });
    expect(wants(state)).toBeNull();
    expect(wants(run(state, { type: "retry" }))).toBe("known");
  });
});

test("Nothing is linked without a press", () => {
  for (const state of [DECIDE, SIGN_IN, BINDING]) expect(wants(state)).not.toBe("commit");
  expect(wants(run(BINDING, { type: "bound" }))).toBeNull();
});

test("A press links, once", () => {
  const pressed = run(DECIDE, { type: "decide" }, { type: "decide" });
  expect(pressed).toEqual(COMMITTING);
  expect(wants(pressed)).toBe("commit");
  const done = run(pressed, { type: "committed", link: LINK });
  expect(done).toEqual(DONE);
  expect(wants(done)).toBeNull();
});

test("Card first: sign in, bind, decide", () => {
  const bound = run(BINDING, { type: "bound" });
  expect(bound).toMatchObject({ kind: "decide", facts: { bound: true } });
});

describe("What a failed press leads to", () => {
  test.each<[Reason, string]>([
    ["NETWORK", "link-decide"],
    ["UNAVAILABLE", "link-decide"],
    ["OVERLOADED", "link-decide"],
    ["INTERNAL", "link-decide"],
    ["REPLICA_BEHIND", "link-decide"],
    ["STORE_FAILED_OVER", "link-decide"],
    ["DRAINING", "link-decide"],
    ["NOT_SIGNED_IN", "link-sign-in-NOT_SIGNED_IN"],
    ["SIGN_IN_TOO_OLD", "link-sign-in-SIGN_IN_TOO_OLD"],
    ["ACR_NOT_ACCEPTED", "link-sign-in-ACR_NOT_ACCEPTED"],
    ["SIGN_IN_BEFORE_PAIRING", "link-sign-in-SIGN_IN_BEFORE_PAIRING"],
    ["ACCOUNT_MISMATCH", "link-sign-in-ACCOUNT_MISMATCH"],
    ["CARD_ALREADY_LINKED", "link-refused-CARD_ALREADY_LINKED"],
    ["ACCOUNT_ALREADY_LINKED", "link-refused-ACCOUNT_ALREADY_LINKED"],
    ["LINK_CARD_MISMATCH", "link-refused-LINK_CARD_MISMATCH"],
    ["LINK_NOT_FOUND", "link-refused-LINK_NOT_FOUND"],
    ["ACT_NOT_ALLOWED", "link-refused-ACT_NOT_ALLOWED"],
    ["REQUEST_ID_REUSED", "link-refused-REQUEST_ID_REUSED"],
    // The server says "not bound" although the view said so: no circle.
    ["ACCOUNT_NOT_BOUND", "link-refused-ACCOUNT_NOT_BOUND"],
    ["SESSION_EXPIRED", "link-over-EXPIRED"],
    ["SESSION_ALREADY_USED", "link-over-USED"],
    ["SESSION_REPLACED", "link-over-REPLACED"],
    ["SESSION_NOT_FOUND", "link-over-LOST"],
    ["NO_SESSION", "link-over-LOST"],
    ["CREDENTIAL_INVALID", "link-over-LOST"],
  ])("%s: %s", (reason, name) => {
    const state = run(COMMITTING, { type: "commit-failed", problem: problem(reason) });
    expect(nameOfState(state)).toBe(name);
    expect(wants(state)).toBeNull();
  });
});

test("After a lost answer the same decision is offered, with what went wrong", () => {
  const again = run(COMMITTING, { type: "commit-failed", problem: problem("NETWORK") });
  expect(again).toEqual({ ...DECIDE, trouble: problem("NETWORK") });
  expect(run(again, { type: "decide" })).toEqual(COMMITTING);
});

describe("Binding that fails", () => {
  test("for a moment: one press tries again", () => {
    const state = run(BINDING, { type: "bind-failed", problem: problem("UNAVAILABLE") });
    expect(wants(state)).toBeNull();
    expect(wants(run(state, { type: "retry" }))).toBe("bind");
  });

  test("because the session is another account's: refused", () => {
    const state = run(BINDING, { type: "bind-failed", problem: problem("ACCOUNT_ALREADY_BOUND") });
    expect(nameOfState(state)).toBe("link-refused-ACCOUNT_ALREADY_BOUND");
  });
});

describe("Signing in", () => {
  test("is one press", () => {
    const pressed = run(SIGN_IN, { type: "sign-in" });
    expect(wants(pressed)).toBe("sign-in");
    expect(run(pressed, { type: "sign-in" })).toBe(pressed);
  });

  test("that fails says why and can be pressed again", () => {
    const state = run(SIGN_IN, { type: "sign-in" }, { type: "sign-in-failed", problem: problem("NETWORK") });
    expect(state).toMatchObject({ pressed: false, trouble: problem("NETWORK") });
  });
});

describe("Saying no", () => {
  test.each([DECIDE, SIGN_IN])("ends the session (from $kind)", (from) => {
    const state = run(from, { type: "decline" });
    expect(wants(state)).toBe("cancel");
    expect(nameOfState(run(state, { type: "declined" }))).toBe("link-over-CANCELLED_HERE");
  });

  test("that does not arrive goes back to the decision", () => {
    const state = run(DECIDE, { type: "decline" }, { type: "decline-failed", problem: problem("NETWORK") });
    expect(state).toEqual({ ...DECIDE, trouble: problem("NETWORK") });
  });

  test("while linking is too late", () => {
    expect(run(COMMITTING, { type: "decline" })).toBe(COMMITTING);
  });
});

describe("The session's end", () => {
  test.each([DECIDE, SIGN_IN, BINDING])("is said while deciding ($kind)", (from) => {
    expect(nameOfState(run(from, { type: "time-up" }))).toBe("link-over-EXPIRED");
    expect(nameOfState(run(from, { type: "used" }))).toBe("link-over-USED");
  });

  test.each([COMMITTING, DONE])("does not overtake the answer ($kind)", (from) => {
    expect(run(from, { type: "time-up" })).toBe(from);
    expect(run(from, { type: "used" })).toBe(from);
  });
});

describe("Unlinking at hand", () => {
  const asked = run(DONE, { type: "undo" });

  test("asks first", () => {
    expect(wants(asked)).toBeNull();
    expect(run(asked, { type: "undo-no" })).toEqual(DONE);
  });

  test("ends the link after a second press", () => {
    const working = run(asked, { type: "undo-yes" });
    expect(wants(working)).toBe("undo");
    expect(nameOfState(run(working, { type: "undone" }))).toBe("link-done-LINK-undo-done");
  });

  test("of a link that was ended meanwhile is done", () => {
    const state = run(asked, { type: "undo-yes" }, { type: "undo-failed", problem: problem("LINK_ENDED") });
    expect(nameOfState(state)).toBe("link-done-LINK-undo-done");
  });

  test("that fails says why and can be pressed again", () => {
    const state = run(
      asked,
      { type: "undo-yes" },
      { type: "undo-failed", problem: problem("SIGN_IN_TOO_OLD") },
    );
    expect(nameOfState(state)).toBe("link-done-LINK-undo-failed");
    expect(wants(run(state, { type: "undo-yes" }))).toBe("undo");
  });
});

test("An answer that comes late changes nothing", () => {
  const events: Event[] = [
    { type: "bound" },
    { type: "committed", link: LINK },
    { type: "commit-failed", problem: problem("INTERNAL") },
    { type: "declined" },
    { type: "undone" },
  ];
  for (const event of events) expect(step(DECIDE, event)).toBe(DECIDE);
});

describe("Next steps after a refusal", () => {
  const all: DecisionAct[] = ["LINK", "UNLINK", "REPLACE"];

  test.each<[Reason, DecisionAct, DecisionAct[], string[]]>([
    ["ACCOUNT_ALREADY_LINKED", "LINK", all, ["replace", "status"]],
    ["ACCOUNT_ALREADY_LINKED", "LINK", ["LINK", "UNLINK"], ["status"]],
    ["CARD_ALREADY_LINKED", "LINK", all, ["other-account", "help"]],
    ["LINK_CARD_MISMATCH", "UNLINK", all, ["again", "status"]],
    ["LINK_NOT_FOUND", "REPLACE", all, ["link", "status"]],
    ["LINK_NOT_FOUND", "UNLINK", all, ["status"]],
    ["ROLE_NOT_ALLOWED", "LINK", all, ["again", "help"]],
  ])("%s of %s where %j is offered", (reason, act, offered, steps) => {
    expect(nextSteps(reason, act, offered)).toEqual(steps);
  });
});
