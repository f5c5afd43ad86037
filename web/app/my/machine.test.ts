import { expect, test } from "vitest";
import { problem } from "../account/fakes.ts";
import type { CardLink } from "../account/links.ts";
import type { Me } from "../account/me.ts";
import { LOADING, nameOfState, step, wants } from "./machine.ts";
import type { Event, State } from "./machine.ts";

const ME: Me = { name: "shiken1@example.ac.jp", authTime: 900 };
const LINK: CardLink = {
  id: "0a",
  relyingPartyId: "demo-university",
  active: true,
  createdAt: 2_000,
  endedAt: null,
  endReason: null,
  name: "試験 一号",
};
const ENDED: CardLink = { ...LINK, id: "0b", active: false, endedAt: 3_000, endReason: "REPLACED" };
const HIDDEN: State = { kind: "hidden", me: ME, trouble: null };
const READING: State = { kind: "reading", me: ME };

const run = (state: State, ...events: Event[]) => events.reduce(step, state);

test.each<[string, State, Event[], string, string[]]>([
  ["nobody is signed in", LOADING, [{ type: "known", me: null, error: null }], "my-signed-out", []],
  [
    "a sign-in is pressed",
    LOADING,
    [{ type: "known", me: null, error: null }, { type: "sign-in" }],
    "my-signed-out",
    ["sign-in"],
  ],
  ["signed in: no value is read", LOADING, [{ type: "known", me: ME, error: null }], "my-hidden", []],
  ["the values are asked for", HIDDEN, [{ type: "show" }], "my-reading", ["values"]],
  ["a link", READING, [{ type: "values", links: [LINK, ENDED] }], "my-shown", []],
  ["no link", READING, [{ type: "values", links: [] }], "my-not-linked", []],
  ["only a link that has ended", READING, [{ type: "values", links: [ENDED] }], "my-not-linked", []],
  ["the network is lost", READING, [{ type: "failed", problem: problem("NETWORK") }], "my-hidden", []],
  [
    "the sign-in is forgotten",
    READING,
    [{ type: "failed", problem: problem("NOT_SIGNED_IN") }],
    "my-signed-out",
    [],
  ],
])("%s", (_, start, events, name, calls) => {
  const state = run(start, ...events);
  expect(nameOfState(state)).toBe(name);
  expect(wants(state).map((want) => want.key)).toEqual(calls);
});

test("Hidden values are not kept", () => {
  const state = run(READING, { type: "values", links: [LINK] }, { type: "hide" });
  expect(JSON.stringify(state)).not.toContain("試験");
});

test("Values that come late are not shown", () => {
  expect(step(HIDDEN, { type: "values", links: [LINK] })).toBe(HIDDEN);
});

test("Who is signed in is asked again by a press", () => {
  const state = run(LOADING, { type: "known-failed", problem: problem("NETWORK") });
  expect(wants(state)).toEqual([]);
  expect(wants(run(state, { type: "retry" }))).toEqual(wants(LOADING));
});
