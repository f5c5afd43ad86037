import { describe, expect, test } from "vitest";
import { problem } from "../account/fakes.ts";
import type { Reason } from "../account/reason.ts";
import type { CardEvent, CardLink } from "../account/links.ts";
import type { Me } from "../account/me.ts";
import { LOADING, inOrder, lastUse, nameOfState, origin, step, wants } from "./machine.ts";
import type { Event, Shown, State } from "./machine.ts";

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
const SECOND: CardLink = { ...LINK, id: "0b", createdAt: 1_500 };
const ENDED: CardLink = { ...LINK, id: "0c", active: false, endedAt: 1_800, endReason: "REPLACED" };
const CREATED: CardEvent = {
  sequence: "7",
  at: 2_000,
  type: "CREATED",
  linkId: "0a",
  act: "LINK",
  flow: "CROSS_DEVICE",
  endReason: null,
};
const USED: CardEvent = {
  ...CREATED,
  sequence: "9",
  at: 5_000,
  type: "RESOLVED",
  act: "VERIFY",
  flow: "ONE_DEVICE",
};
const NETWORK = problem("NETWORK");

const run = (state: State, ...events: Event[]) => events.reduce(step, state);
const calls = (state: State) => wants(state).map((want) => want.call);

const READING = run(LOADING, { type: "known", me: ME, error: null, unlinking: null });
const LINKED = run(
  READING,
  { type: "links", links: [LINK, ENDED], next: null },
  { type: "events", round: 0, events: [USED, CREATED], next: "more" },
);

function shown(state: State): Shown {
  if (state.kind !== "shown") throw new Error(`not shown: ${state.kind}`);
  return state;
}

describe("Signed out", () => {
  const out = run(LOADING, { type: "known", me: null, error: null, unlinking: null });

  test("nothing is asked for", () => {
    expect(nameOfState(out)).toBe("status-signed-out");
    expect(calls(out)).toEqual([]);
  });

  test("a press signs in", () => {
    expect(wants(run(out, { type: "sign-in" }))).toEqual([
      { key: "sign-in", call: "sign-in", purpose: "STATUS" },
    ]);
  });

  test("a sign-in that came to nothing says why", () => {
    expect(
      run(LOADING, { type: "known", me: null, error: "SIGN_IN_CANCELLED", unlinking: null }),
    ).toMatchObject({
      why: "SIGN_IN_CANCELLED",
    });
  });
});

describe("Signed in", () => {
  test("links and history are read, names are not", () => {
    expect(wants(READING)).toEqual([
      { key: "links ", call: "links", token: "", withNames: false },
      { key: "events 0 ", call: "events", token: "", round: 0 },
    ]);
    expect(nameOfState(READING)).toBe("status-reading");
  });

  test.each<[string, CardLink[], string]>([
    ["no link", [], "status-none"],
    ["a link", [LINK], "status-linked"],
    ["several links", [LINK, SECOND], "status-linked"],
    ["only links that have ended", [ENDED], "status-ended"],
  ])("%s", (_, links, name) => {
    expect(nameOfState(run(READING, { type: "links", links, next: null }))).toBe(name);
  });

  test("more of the history is read by a press and comes behind", () => {
    const more = run(LINKED, { type: "more-events" });
    expect(wants(more)).toEqual([{ key: "events 0 more", call: "events", token: "more", round: 0 }]);
    const state = run(more, {
      type: "events",
      round: 0,
      events: [{ ...CREATED, sequence: "3" }],
      next: null,
    });
    expect(shown(state).events.items.map((event) => event.sequence)).toEqual(["9", "7", "3"]);
    expect(shown(state).events.next).toBeNull();
  });

  test.each<[Event, "links" | "events"]>([
    [{ type: "links-failed", problem: NETWORK }, "links"],
    [{ type: "events-failed", round: 0, problem: NETWORK }, "events"],
  ])("what could not be read ($type) is asked for again by a press", (event, list) => {
    const state = run(READING, event);
    expect(calls(state)).not.toContain(list);
    expect(calls(run(state, { type: `more-${list}` }))).toContain(list);
  });

  test("the tier has forgotten the sign-in: it is said", () => {
    const state = run(READING, { type: "links-failed", problem: problem("NOT_SIGNED_IN") });
    expect(nameOfState(state)).toBe("status-signed-out");
  });
});

describe("The name", () => {
  const asked = run(LINKED, { type: "show-names" });

  test("is read only after a press", () => {
    expect(calls(LINKED)).not.toContain("names");
    expect(calls(asked)).toEqual(["names"]);
  });

  const names = new Map<string, string | null>([["0a", "試験 一号"]]);
  const state = run(asked, { type: "names", names });

  test("is shown beside its link", () => {
    expect(shown(state).links.items.map((link) => link.name)).toEqual(["試験 一号", null]);
    expect(nameOfState(state)).toBe("status-linked-names");
  });

  test("is not kept after it was hidden", () => {
    expect(JSON.stringify(run(state, { type: "hide-names" }))).not.toContain("試験");
  });

  test("that comes late is not shown", () => {
    expect(step(LINKED, { type: "names", names })).toBe(LINKED);
  });

  test("that could not be read is asked for again by a press", () => {
    const failed = run(asked, { type: "names-failed", problem: NETWORK });
    expect(calls(failed)).toEqual([]);
    expect(calls(run(failed, { type: "show-names" }))).toEqual(["names"]);
  });
});

describe("Unlinking without the card", () => {
  const asked = run(LINKED, { type: "unlink", linkId: "0a" });
  const working = run(asked, { type: "unlink-yes" });
  const ended: CardLink = { ...LINK, active: false, endedAt: 9_000, endReason: "UNLINKED_BY_SIGN_IN" };

  test("asks first", () => {
    expect(nameOfState(asked)).toBe("status-unlink-asked");
    expect(calls(asked)).toEqual([]);
    expect(run(asked, { type: "unlink-no" })).toEqual(LINKED);
  });

  test("ends that link after a second press, and reads the history anew", () => {
    expect(wants(working)).toEqual([{ key: "unlink", call: "unlink", linkId: "0a" }]);
    const state = run(working, { type: "unlinked", link: ended });
    expect(nameOfState(state)).toBe("status-unlinked");
    expect(shown(state).links.items[0]).toEqual(ended);
    expect(wants(state)).toEqual([{ key: "events 1 ", call: "events", token: "", round: 1 }]);
  });

  test("after a sign-in asks once more", () => {
    const back = run(LOADING, { type: "known", me: ME, error: null, unlinking: "0a" });
    expect(nameOfState(back)).toBe("status-unlink-asked");
    expect(calls(back)).not.toContain("unlink");
  });

  test("does not show the history of before it, which comes late", () => {
    const state = run(working, { type: "unlinked", link: ended });
    expect(step(state, { type: "events", round: 0, events: [CREATED], next: null })).toBe(state);
  });

  test.each<Reason>(["SIGN_IN_TOO_OLD", "ACR_NOT_ACCEPTED", "NOT_SIGNED_IN", "ACCOUNT_MISMATCH"])(
    "%s: one press signs in again",
    (reason) => {
      const state = run(working, { type: "unlink-failed", problem: problem(reason) });
      expect(nameOfState(state)).toBe("status-unlink-sign-in");
      expect(wants(run(state, { type: "sign-in" }))).toEqual([
        { key: "sign-in", call: "sign-in", purpose: "STATUS_UNLINK" },
      ]);
    },
  );

  test.each<Reason>(["NETWORK", "UNAVAILABLE", "LINK_NOT_FOUND"])(
    "%s: says so, and can be pressed again",
    (reason) => {
      const state = run(working, { type: "unlink-failed", problem: problem(reason) });
      expect(shown(state).ending).toEqual({ step: "asked", linkId: "0a", trouble: problem(reason) });
      expect(calls(run(state, { type: "unlink-yes" }))).toEqual(["unlink"]);
    },
  );

  test("of a link that was ended meanwhile is done", () => {
    const state = run(working, { type: "unlink-failed", problem: problem("LINK_ENDED") });
    expect(nameOfState(state)).toBe("status-unlinked");
    expect(shown(state).links.items[0]?.active).toBe(false);
  });
});

test("Active links come first", () => {
  expect(inOrder([ENDED, LINK, SECOND]).map((link) => link.id)).toEqual(["0a", "0b", "0c"]);
});

test("Where a link comes from, and when it was last used", () => {
  expect(origin(LINK, [USED, CREATED])).toEqual(CREATED);
  expect(origin(SECOND, [USED, CREATED])).toBeNull();
  expect(lastUse(LINK, [USED, CREATED])).toBe(5_000);
  expect(lastUse(SECOND, [USED, CREATED])).toBeNull();
});

test("Who is signed in is asked again by a press", () => {
  const state = run(LOADING, { type: "known-failed", problem: problem("NETWORK") });
  expect(wants(state)).toEqual([]);
  expect(wants(run(state, { type: "retry" }))).toEqual(wants(LOADING));
});
