// The account's own page: its values are read and shown only after "Show information". Pure.
import type { Problem } from "../../ui/problem.ts";
import type { CardLink } from "../account/links.ts";
import type { Me } from "../account/me.ts";

export type State =
  /** Who is signed in is being asked. */
  | { kind: "loading"; trouble: Problem | null }
  | { kind: "signed-out"; why: string | null; pressed: boolean; trouble: Problem | null }
  | { kind: "hidden"; me: Me; trouble: Problem | null }
  | { kind: "reading"; me: Me }
  /** The active links, with the names on their cards. None: not linked. */
  | { kind: "shown"; me: Me; links: CardLink[] };

export type Event =
  | { type: "known"; me: Me | null; error: string | null }
  | { type: "known-failed"; problem: Problem }
  | { type: "retry" }
  | { type: "sign-in" }
  | { type: "sign-in-failed"; problem: Problem }
  | { type: "show" }
  | { type: "values"; links: CardLink[] }
  | { type: "failed"; problem: Problem }
  | { type: "hide" };

export const LOADING: State = { kind: "loading", trouble: null };

/** An event that the state does not expect (a double press, a late answer) changes nothing. */
export function step(state: State, event: Event): State {
  if (event.type === "known") {
    return event.me === null
      ? { kind: "signed-out", why: event.error, pressed: false, trouble: null }
      : { kind: "hidden", me: event.me, trouble: null };
  }
  switch (state.kind) {
    case "loading":
      if (event.type === "known-failed") return { ...state, trouble: event.problem };
      return event.type === "retry" ? { ...state, trouble: null } : state;
    case "signed-out":
      if (event.type === "sign-in") return { ...state, pressed: true, trouble: null };
      if (event.type === "sign-in-failed") return { ...state, pressed: false, trouble: event.problem };
      return state;
    case "hidden":
      return event.type === "show" ? { kind: "reading", me: state.me } : state;
    case "reading":
      if (event.type === "values") {
        return { kind: "shown", me: state.me, links: event.links.filter((link) => link.active) };
      }
      if (event.type === "failed" && event.problem.reason === "NOT_SIGNED_IN") {
        return { kind: "signed-out", why: "NOT_SIGNED_IN", pressed: false, trouble: null };
      }
      return event.type === "failed" ? { kind: "hidden", me: state.me, trouble: event.problem } : state;
    case "shown":
      return event.type === "hide" ? { kind: "hidden", me: state.me, trouble: null } : state;
  }
}

export interface Want {
  key: "known" | "sign-in" | "values";
}

export function wants(state: State): Want[] {
  if (state.kind === "loading") return state.trouble === null ? [{ key: "known" }] : [];
  if (state.kind === "signed-out" && state.pressed) return [{ key: "sign-in" }];
  return state.kind === "reading" ? [{ key: "values" }] : [];
}

/** document.body.dataset.state: what tests and screenshots call it. */
export function nameOfState(state: State): string {
  if (state.kind !== "shown") return `my-${state.kind}`;
  return state.links.length === 0 ? "my-not-linked" : "my-shown";
}
