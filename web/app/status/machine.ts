// The service page of the person's links: state, history, name on request, unlinking. Pure: no call, no
// clock, no DOM. What a state waits for, `wants` says.
import type { Problem } from "../../ui/problem.ts";
import type { CardEvent, CardLink } from "../account/links.ts";
import type { Me } from "../account/me.ts";

/** A list that comes in pages. */
export interface Pages<T> {
  items: T[];
  /** Token of the next page; null: there is no more. */
  next: string | null;
  loading: boolean;
  trouble: Problem | null;
  /** Counts how often the list was begun anew: an answer to an earlier round is not of this list. */
  round: number;
}

/** The dialog before a link is ended without its card. */
export type Ending =
  | { step: "none" }
  | { step: "asked"; linkId: string; trouble: Problem | null }
  | { step: "sign-in"; linkId: string; why: string; pressed: boolean; trouble: Problem | null }
  | { step: "working"; linkId: string };

export type Names =
  { step: "hidden" } | { step: "loading" } | { step: "shown" } | { step: "failed"; trouble: Problem };

export interface Shown {
  kind: "shown";
  me: Me;
  links: Pages<CardLink>;
  events: Pages<CardEvent>;
  names: Names;
  ending: Ending;
  /** The link that was ended on this page: it is said. */
  endedHere: string | null;
}

export type State =
  /** Who is signed in is being asked. */
  | { kind: "loading"; trouble: Problem | null }
  | { kind: "signed-out"; why: string | null; pressed: boolean; trouble: Problem | null }
  | Shown;

export type Event =
  /** `unlinking`: the link that the person was about to end when they went to sign in again. */
  | { type: "known"; me: Me | null; error: string | null; unlinking: string | null }
  | { type: "known-failed"; problem: Problem }
  | { type: "retry" }
  | { type: "sign-in" }
  | { type: "sign-in-failed"; problem: Problem }
  | { type: "links"; links: CardLink[]; next: string | null }
  | { type: "links-failed"; problem: Problem }
  | { type: "more-links" }
  | { type: "events"; round: number; events: CardEvent[]; next: string | null }
  | { type: "events-failed"; round: number; problem: Problem }
  | { type: "more-events" }
  | { type: "show-names" }
  | { type: "names"; names: ReadonlyMap<string, string | null> }
  | { type: "names-failed"; problem: Problem }
  | { type: "hide-names" }
  | { type: "unlink"; linkId: string }
  | { type: "unlink-no" }
  | { type: "unlink-yes" }
  | { type: "unlinked"; link: CardLink }
  | { type: "unlink-failed"; problem: Problem };

export const LOADING: State = { kind: "loading", trouble: null };

function empty<T>(round = 0): Pages<T> {
  return { items: [], next: null, loading: true, trouble: null, round };
}

function signedOut(why: string | null): State {
  return { kind: "signed-out", why, pressed: false, trouble: null };
}

/** True if the call was refused because the tier has forgotten the sign-in. */
function forgotten(problem: Problem): boolean {
  return problem.reason === "NOT_SIGNED_IN";
}

/** Refusals to end a link that a new sign-in cures. */
function needsSignIn(reason: string): boolean {
  return (
    reason === "SIGN_IN_TOO_OLD" ||
    reason === "ACR_NOT_ACCEPTED" ||
    reason === "NOT_SIGNED_IN" ||
    reason === "ACCOUNT_MISMATCH"
  );
}

/** An event that the state does not expect (a double press, a late answer) changes nothing. */
export function step(state: State, event: Event): State {
  if (event.type === "known") {
    if (event.me === null) return signedOut(event.error);
    return {
      kind: "shown",
      me: event.me,
      links: empty(),
      events: empty(),
      names: { step: "hidden" },
      // Asked once more: a sign-in is no press on "Unlink".
      ending:
        event.unlinking === null
          ? { step: "none" }
          : { step: "asked", linkId: event.unlinking, trouble: null },
      endedHere: null,
    };
  }
  switch (state.kind) {
    case "loading":
      if (event.type === "known-failed") return { ...state, trouble: event.problem };
      return event.type === "retry" ? { ...state, trouble: null } : state;
    case "signed-out":
      if (event.type === "sign-in") return { ...state, pressed: true, trouble: null };
      if (event.type === "sign-in-failed") return { ...state, pressed: false, trouble: event.problem };
      return state;
    case "shown":
      return stepShown(state, event);
  }
}

function stepShown(state: Shown, event: Event): State {
  switch (event.type) {
    case "links":
      return { ...state, links: joined(state.links, event.links, event.next) };
    case "events":
      if (event.round !== state.events.round) return state;
      return { ...state, events: joined(state.events, event.events, event.next) };
    case "links-failed":
      if (forgotten(event.problem)) return signedOut("NOT_SIGNED_IN");
      return { ...state, links: { ...state.links, loading: false, trouble: event.problem } };
    case "events-failed":
      if (event.round !== state.events.round) return state;
      if (forgotten(event.problem)) return signedOut("NOT_SIGNED_IN");
      return { ...state, events: { ...state.events, loading: false, trouble: event.problem } };
    case "more-links":
      return { ...state, links: { ...state.links, loading: true, trouble: null } };
    case "more-events":
      return { ...state, events: { ...state.events, loading: true, trouble: null } };
    case "show-names":
    case "names":
    case "names-failed":
    case "hide-names":
      return stepNames(state, event);
    default:
      return stepEnding(state, event);
  }
}

function joined<T>(pages: Pages<T>, more: T[], next: string | null): Pages<T> {
  if (!pages.loading) return pages;
  return { ...pages, items: [...pages.items, ...more], next, loading: false, trouble: null };
}

function stepNames(state: Shown, event: Event): State {
  switch (event.type) {
    case "show-names":
      return state.names.step === "hidden" || state.names.step === "failed"
        ? { ...state, names: { step: "loading" } }
        : state;
    case "names": {
      if (state.names.step !== "loading") return state;
      const items = state.links.items.map((link) => ({ ...link, name: event.names.get(link.id) ?? null }));
      return { ...state, names: { step: "shown" }, links: { ...state.links, items } };
    }
    case "names-failed":
      if (forgotten(event.problem)) return signedOut("NOT_SIGNED_IN");
      return state.names.step === "loading"
        ? { ...state, names: { step: "failed", trouble: event.problem } }
        : state;
    default: {
      const items = state.links.items.map((link) => ({ ...link, name: null }));
      return { ...state, names: { step: "hidden" }, links: { ...state.links, items } };
    }
  }
}

function stepEnding(state: Shown, event: Event): State {
  const { ending } = state;
  switch (event.type) {
    case "unlink":
      if (ending.step === "working") return state;
      return { ...state, ending: { step: "asked", linkId: event.linkId, trouble: null }, endedHere: null };
    case "unlink-no":
      return ending.step === "working" ? state : { ...state, ending: { step: "none" } };
    case "unlink-yes":
      return ending.step === "asked"
        ? { ...state, ending: { step: "working", linkId: ending.linkId } }
        : state;
    case "unlinked":
      return ending.step === "working" ? afterEnding(state, ending.linkId, event.link) : state;
    case "unlink-failed":
      return ending.step === "working" ? afterRefusal(state, ending.linkId, event.problem) : state;
    case "sign-in":
      return ending.step === "sign-in"
        ? { ...state, ending: { ...ending, pressed: true, trouble: null } }
        : state;
    case "sign-in-failed":
      return ending.step === "sign-in"
        ? { ...state, ending: { ...ending, pressed: false, trouble: event.problem } }
        : state;
    default:
      return state;
  }
}

/** The link has ended: it is shown so, and the lists are asked for anew. */
function afterEnding(state: Shown, linkId: string, link: CardLink | null): Shown {
  const items = state.links.items.map((item) =>
    item.id === linkId ? { ...(link ?? { ...item, active: false }), name: item.name } : item,
  );
  return {
    ...state,
    links: { ...state.links, items },
    events: empty(state.events.round + 1),
    ending: { step: "none" },
    endedHere: linkId,
  };
}

function afterRefusal(state: Shown, linkId: string, problem: Problem): State {
  // Ended meanwhile, from another page or with the card: that is what was wanted.
  if (problem.reason === "LINK_ENDED") return afterEnding(state, linkId, null);
  if (needsSignIn(problem.reason)) {
    return {
      ...state,
      ending: { step: "sign-in", linkId, why: problem.reason, pressed: false, trouble: null },
    };
  }
  return { ...state, ending: { step: "asked", linkId, trouble: problem } };
}

/** A call that a state waits for. It is made when its key appears. */
export type Want =
  | { key: "known"; call: "known" }
  | { key: string; call: "sign-in"; purpose: "STATUS" | "STATUS_UNLINK" }
  | { key: string; call: "links"; token: string; withNames: boolean }
  | { key: string; call: "events"; token: string; round: number }
  | { key: string; call: "names" }
  | { key: string; call: "unlink"; linkId: string };

export function wants(state: State): Want[] {
  if (state.kind === "loading") return state.trouble === null ? [{ key: "known", call: "known" }] : [];
  if (state.kind === "signed-out") {
    return state.pressed ? [{ key: "sign-in", call: "sign-in", purpose: "STATUS" }] : [];
  }
  const { links, events, names, ending } = state;
  const found: Want[] = [];
  if (links.loading) {
    const token = links.next ?? "";
    found.push({ key: `links ${token}`, call: "links", token, withNames: names.step === "shown" });
  }
  if (events.loading) {
    const token = events.next ?? "";
    found.push({ key: `events ${events.round} ${token}`, call: "events", token, round: events.round });
  }
  if (names.step === "loading") found.push({ key: "names", call: "names" });
  if (ending.step === "working") found.push({ key: "unlink", call: "unlink", linkId: ending.linkId });
  if (ending.step === "sign-in" && ending.pressed) {
    found.push({ key: "sign-in", call: "sign-in", purpose: "STATUS_UNLINK" });
  }
  return found;
}

/** Active links first, each kind newest first, as the server sent them. */
export function inOrder(links: readonly CardLink[]): CardLink[] {
  return [...links.filter((link) => link.active), ...links.filter((link) => !link.active)];
}

/** The event that made a link: from where. Null while it is on a page that was not asked for yet. */
export function origin(link: CardLink, events: readonly CardEvent[]): CardEvent | null {
  return events.find((event) => event.linkId === link.id && event.type === "CREATED") ?? null;
}

/** When the link was last used to prove who someone is, as far as the events that are shown say. */
export function lastUse(link: CardLink, events: readonly CardEvent[]): number | null {
  return events.find((event) => event.linkId === link.id && event.type === "RESOLVED")?.at ?? null;
}

/** document.body.dataset.state: what tests and screenshots call it. */
export function nameOfState(state: State): string {
  if (state.kind === "loading") return "status-loading";
  if (state.kind === "signed-out") return "status-signed-out";
  if (state.ending.step !== "none") return `status-unlink-${state.ending.step}`;
  if (state.links.loading && state.links.items.length === 0) return "status-reading";
  if (state.links.trouble !== null && state.links.items.length === 0) return "status-failed";
  if (state.endedHere !== null) return "status-unlinked";
  if (state.links.items.some((link) => link.active)) {
    return state.names.step === "shown" ? "status-linked-names" : "status-linked";
  }
  return state.links.items.length === 0 ? "status-none" : "status-ended";
}
