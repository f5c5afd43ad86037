// A flow as its states: `step` says what follows from an event, `wants` which calls a state waits for. A call
// is made when its key appears, so that no state can wait for a call that nobody makes.
import { problemOf } from "../../ui/problem.ts";
import type { Problem } from "../../ui/problem.ts";
import { createStore } from "../../ui/machine.tsx";
import type { Machine, Store } from "../../ui/machine.tsx";

export interface Flow<S, E, W extends { key: string }> {
  step: (state: S, event: E) => S;
  wants: (state: S) => W[];
}

/** The calls that the new state waits for and the old one did not. */
export function begun<W extends { key: string }>(before: readonly W[], after: readonly W[]): W[] {
  const keys = new Set(before.map((want) => want.key));
  return after.filter((want) => !keys.has(want.key));
}

/** The flow as the store runs it. */
export function machineOf<S, E, W extends { key: string }>(flow: Flow<S, E, W>): Machine<S, E, W> {
  return (state, event) => {
    const after = flow.step(state, event);
    return after === state ? [state] : [after, ...begun(flow.wants(state), flow.wants(after))];
  };
}

/** Runs a flow from `start`, and makes the calls that `start` itself waits for. `perform` must not throw. */
export function startFlow<S, E, W extends { key: string }>(
  flow: Flow<S, E, W>,
  start: S,
  perform: (want: W, store: Store<S, E>) => void,
): Store<S, E> {
  const store = createStore({ machine: machineOf(flow), initial: start, now: () => 0, perform });
  for (const want of flow.wants(start)) perform(want, store);
  return store;
}

/** Sends what comes of calls; a good answer that says nothing more to the flow is null. */
export function teller<E>(send: (event: E) => void) {
  return <T>(call: Promise<T>, good: (value: T) => E | null, bad: (problem: Problem) => E): void => {
    call.then(good).then(
      (event) => {
        if (event !== null) send(event);
      },
      (error: unknown) => {
        send(bad(problemOf(error)));
      },
    );
  };
}
