// Does what the machine of the simulated camera asks for: looks at a window picture by picture, reads each.
import { createStore } from "../../ui/machine.tsx";
import type { Store } from "../../ui/machine.tsx";
import type { Timer } from "../../ui/timer.ts";
import { initial, step } from "./machine.ts";
import type { Effect, Event, Sight, State, Trouble } from "./machine.ts";
import type { Picture } from "./reader.ts";

/** Between two pictures. The QR code is good for 15 s. */
export const LOOK_EACH_MS = 250;
/** Nobody has a screen looked at for longer, forgotten behind another window. */
export const LOOK_FOR_MS = 60_000;

/** A window or screen that the person lets the app look at. */
export interface Capture {
  /** null: there is no picture yet. */
  picture: () => Picture | null;
  /** The person has ended it in the browser's own bar. */
  onEnded: (listener: () => void) => void;
  /** The browser shows that nothing is looked at any more. */
  close: () => void;
}

/** Thrown by what Parts give; anything else that is thrown is FAILED. */
export class ScanTrouble extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super(trouble);
    this.name = "ScanTrouble";
    this.trouble = trouble;
  }
}

export interface Parts {
  /** Asks the person for a window or screen. */
  capture: () => Promise<Capture>;
  decode: (file: Blob) => Promise<Picture>;
  /** Fetches what reads pictures. */
  loadReader: () => Promise<(picture: Picture) => Sight>;
  timer: Timer;
  /** Opens the app by the fragment of its address. */
  open: (fragment: string) => void;
}

export function createScanner(parts: Parts): Store<State, Event> {
  /** Counts what was begun: whatever else comes of an older one is of no use. */
  let current = 0;
  let end = () => {};
  return createStore<State, Event, Effect>({ machine: step, initial, now: () => 0, perform });

  function perform(effect: Effect, store: Store<State, Event>): void {
    switch (effect.do) {
      case "CAPTURE":
        void attempt(store, look);
        return;
      case "READ":
        void attempt(store, async (tell) => {
          const [read, picture] = await Promise.all([parts.loadReader(), parts.decode(effect.picture)]);
          tell({ type: "SIGHT", sight: read(picture) });
        });
        return;
      case "END":
        current += 1;
        end();
        return;
      case "OPEN":
        parts.open(effect.fragment);
    }
  }

  async function attempt(
    store: Store<State, Event>,
    work: (tell: (event: Event) => void, isOver: () => boolean) => Promise<void>,
  ): Promise<void> {
    const mine = (current += 1);
    const isOver = () => mine !== current;
    const tell = (event: Event) => {
      if (!isOver()) store.send(event);
    };
    try {
      await work(tell, isOver);
    } catch (error) {
      tell({ type: "TROUBLE", trouble: error instanceof ScanTrouble ? error.trouble : "FAILED" });
    }
  }

  async function look(tell: (event: Event) => void, isOver: () => boolean): Promise<void> {
    // The question comes first: browsers allow it to a press alone, and forget that press soon.
    const asked = parts.capture();
    const [capture, read] = await Promise.all([
      asked,
      parts.loadReader().catch(async (error: unknown) => {
        (await asked).close();
        throw error;
      }),
    ]);
    if (isOver()) {
      capture.close();
      return;
    }
    let wake = () => {};
    const cancelLimit = parts.timer.after(LOOK_FOR_MS, () => tell({ type: "TIME_OVER" }));
    end = () => {
      end = () => {};
      cancelLimit();
      capture.close();
      wake();
    };
    capture.onEnded(() => tell({ type: "STOP" }));
    while (!isOver()) {
      const picture = capture.picture();
      if (picture !== null) tell({ type: "SIGHT", sight: read(picture) });
      if (isOver()) return;
      await new Promise<void>((resolve) => {
        const cancel = parts.timer.after(LOOK_EACH_MS, resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }
}
