import { expect, test } from "vitest";
import { startFlow } from "./flow.ts";

interface State {
  asked: string | null;
  got: string[];
}
type Event = { type: "ask"; what: string } | { type: "got"; what: string } | { type: "no" };

function started(asked: string | null = null) {
  const calls: string[] = [];
  const store = startFlow<State, Event, { key: string }>(
    {
      step: (state, event) => {
        if (event.type === "ask") return { ...state, asked: event.what };
        if (event.type === "got") return { asked: null, got: [...state.got, event.what] };
        return state;
      },
      wants: (state) => (state.asked === null ? [] : [{ key: state.asked }]),
    },
    { asked, got: [] },
    (want) => void calls.push(want.key),
  );
  return { store, calls };
}

test("A call is made once while it is wanted, and again when it is wanted again", () => {
  const { store, calls } = started();
  store.send({ type: "ask", what: "a" });
  store.send({ type: "ask", what: "a" });
  expect(calls).toEqual(["a"]);
  store.send({ type: "got", what: "a" });
  store.send({ type: "ask", what: "a" });
  expect(calls).toEqual(["a", "a"]);
});

test("A call that the first state waits for is made, too", () => {
  expect(started("a").calls).toEqual(["a"]);
});
