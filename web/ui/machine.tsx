// How a page's flow is built: a pure machine says what follows from an event, a store keeps the state and
// hands the effects to a driver, a component draws the state and sends events.
import { useEffect, useState } from "preact/hooks";

/** What follows from an event: the new state, and what is to be done. Effects are plain data. */
export type Step<State, Effect> = readonly [State, ...Effect[]];

/** The whole logic of a flow. No DOM, no network, no clock: `now` is an argument. */
export type Machine<State, Event, Effect> = (state: State, event: Event, now: number) => Step<State, Effect>;

export interface Store<State, Event> {
  readonly state: State;
  send(event: Event): void;
  /** Called after each change; the returned function ends that. */
  subscribe(listener: () => void): () => void;
}

/** Runs a machine. `perform` starts an effect and sends what comes of it; it must not throw. */
export function createStore<State, Event, Effect>(options: {
  machine: Machine<State, Event, Effect>;
  initial: State;
  now: () => number;
  perform: (effect: Effect, store: Store<State, Event>) => void;
}): Store<State, Event> {
  let state = options.initial;
  const listeners = new Set<() => void>();
  const queue: Event[] = [];
  let running = false;
  const store: Store<State, Event> = {
    get state() {
      return state;
    },
    send(event) {
      // An effect may send at once: its event waits until this one is done.
      queue.push(event);
      if (running) return;
      running = true;
      try {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const [after, ...effects] = options.machine(state, next, options.now());
          const changed = after !== state;
          state = after;
          if (changed) for (const listener of [...listeners]) listener();
          for (const effect of effects) options.perform(effect, store);
        }
      } finally {
        running = false;
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
  return store;
}

/** The store's state, drawn anew whenever it changes. */
export function useStore<State, Event>(store: Store<State, Event>): State {
  const [state, setState] = useState(() => store.state);
  useEffect(() => {
    // Something may have happened between the first drawing and this.
    setState(() => store.state);
    return store.subscribe(() => {
      setState(() => store.state);
    });
  }, [store]);
  return state;
}
