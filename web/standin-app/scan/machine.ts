// The simulated camera as a pure machine: what is looked at, what was seen, what went wrong. It looks at what
// the person has chosen and at nothing else, and no longer than until the QR code is found.
import type { Step } from "../../ui/machine.tsx";

/** What a picture shows. */
export type Sight =
  | { kind: "NO_QR" }
  /** A QR code that does not open this app. */
  | { kind: "OTHER_QR" }
  /** `fragment` of the app's address: "#q=...". */
  | { kind: "LINK"; fragment: string };

export type Trouble =
  | "NO_QR"
  | "OTHER_QR"
  /** The person, or a policy of the browser, said no. */
  | "REFUSED"
  /** The browser shows no page what is on the screen. */
  | "UNSUPPORTED"
  /** Among others: the file is no picture. */
  | "FAILED";

export type State =
  | { name: "IDLE"; trouble: Trouble | null }
  /** At a window or screen, picture by picture. `other`: the last one had a QR code that is not ours. */
  | { name: "LOOKING"; other: boolean }
  /** One picture that the person chose. */
  | { name: "READING" };

export type Event =
  | { type: "LOOK" }
  | { type: "PICTURE"; picture: Blob }
  | { type: "SIGHT"; sight: Sight }
  | { type: "TROUBLE"; trouble: Trouble }
  /** The person has seen enough: here, or in the browser's own bar. */
  | { type: "STOP" }
  /** It has taken too long. */
  | { type: "TIME_OVER" };

export type Effect =
  | { do: "CAPTURE" }
  | { do: "READ"; picture: Blob }
  /** Looks at nothing any more. */
  | { do: "END" }
  | { do: "OPEN"; fragment: string };

export const initial: State = { name: "IDLE", trouble: null };

function stopWith(trouble: Trouble | null): Step<State, Effect> {
  return [{ name: "IDLE", trouble }, { do: "END" }];
}

export function step(state: State, event: Event): Step<State, Effect> {
  if (event.type === "LOOK") {
    return state.name === "IDLE" ? [{ name: "LOOKING", other: false }, { do: "CAPTURE" }] : [state];
  }
  if (event.type === "PICTURE") {
    return [{ name: "READING" }, { do: "END" }, { do: "READ", picture: event.picture }];
  }
  if (state.name === "IDLE") return [state];
  switch (event.type) {
    case "SIGHT": {
      const { sight } = event;
      if (sight.kind === "LINK") return [initial, { do: "END" }, { do: "OPEN", fragment: sight.fragment }];
      if (state.name === "READING") return stopWith(sight.kind);
      const other = sight.kind === "OTHER_QR";
      return other === state.other ? [state] : [{ name: "LOOKING", other }];
    }
    case "TROUBLE":
      return stopWith(event.trouble);
    case "STOP":
      return stopWith(null);
    case "TIME_OVER":
      return stopWith(state.name === "LOOKING" && state.other ? "OTHER_QR" : "NO_QR");
  }
}
