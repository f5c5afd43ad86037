// Makes the calls of the page of links.
import { PAGES } from "../../shared/routes.ts";
import { fromBase64Url } from "../../ui/bytes.ts";
import type { Locale } from "../../ui/i18n.tsx";
import type { Store } from "../../ui/machine.tsx";
import { withRetry } from "../../ui/problem.ts";
import { startFlow, teller } from "../account/flow.ts";
import { cardEvent, cardLink } from "../account/links.ts";
import type { CardEvent, CardLink } from "../account/links.ts";
import { meOf } from "../account/me.ts";
import { goAndSignIn } from "../account/sign_in.ts";
import { requestIdOf } from "../account/request_id.ts";
import type { Services } from "../services.ts";
import { LOADING, step, wants } from "./machine.ts";
import type { Event, State, Want } from "./machine.ts";

/** Events a page; 20 links are more than anybody has. */
const PAGE_SIZE = 20;

const token = (text: string) => (text === "" ? null : text);

/** `error`: what went wrong with a sign-in on the way here. */
export function startStatus(
  services: Services,
  locale: () => Locale,
  error: string | null,
): Store<State, Event> {
  const { calls, timer, memory } = services;

  const readLinks = async (pageToken: string, includeName: boolean): Promise<[CardLink[], string | null]> => {
    const request = { includeEnded: true, includeName, pageSize: PAGE_SIZE, pageToken };
    const { links, nextPageToken } = await withRetry(timer, () => calls.links.listLinks(request));
    return [links.map(cardLink), token(nextPageToken)];
  };
  const readEvents = async (pageToken: string): Promise<[CardEvent[], string | null]> => {
    const request = { pageSize: PAGE_SIZE, pageToken };
    const { events, nextPageToken } = await withRetry(timer, () => calls.links.listLinkEvents(request));
    return [events.map(cardEvent), token(nextPageToken)];
  };
  /** The names of the links that are shown, as many pages as these have. */
  const readNames = async (shown: number) => {
    const names = new Map<string, string | null>();
    for (let next: string | null = ""; next !== null && names.size < shown;) {
      const [links, after] = await readLinks(next, true);
      for (const link of links) names.set(link.id, link.name);
      next = after;
    }
    return names;
  };
  const unlink = async (id: string): Promise<CardLink> => {
    const requestId = requestIdOf(services, `unlink.${id}`);
    const target = { case: "linkId" as const, value: fromBase64Url(id) ?? new Uint8Array() };
    const { link } = await withRetry(timer, () => calls.links.deleteLink({ target, requestId }));
    if (link === undefined) throw new Error("an answer without a link");
    return cardLink(link);
  };
  const signIn = async (want: Want & { call: "sign-in" }, unlinking: string | null) => {
    if (unlinking !== null) memory.set("unlinking", unlinking);
    await goAndSignIn(services, want.purpose, locale());
  };
  const unlinkingBefore = () => {
    const id = memory.get("unlinking");
    memory.remove("unlinking");
    return id;
  };

  const perform = (want: Want, store: Store<State, Event>) => {
    const tell = teller((event: Event) => {
      store.send(event);
    });
    const { state } = store;
    switch (want.call) {
      case "known":
        tell(
          services.http.state(),
          (browser) => {
            // Back from the sign-in of a press on "Unlink with the card": the journey page goes on with it.
            if (error === null && memory.get("begin")?.act === "UNLINK" && browser.signedIn !== null) {
              services.navigate(PAGES.journey);
              return null;
            }
            return { type: "known", me: meOf(browser), error, unlinking: unlinkingBefore() };
          },
          (problem) => ({ type: "known-failed", problem }),
        );
        return;
      case "sign-in": {
        const ending = state.kind === "shown" && state.ending.step === "sign-in" ? state.ending.linkId : null;
        tell(
          signIn(want, ending),
          () => null,
          (problem) => ({ type: "sign-in-failed", problem }),
        );
        return;
      }
      case "links":
        tell(
          readLinks(want.token, want.withNames),
          ([links, next]) => ({ type: "links", links, next }),
          (problem) => ({ type: "links-failed", problem }),
        );
        return;
      case "events":
        tell(
          readEvents(want.token),
          ([events, next]) => ({ type: "events", round: want.round, events, next }),
          (problem) => ({ type: "events-failed", round: want.round, problem }),
        );
        return;
      case "names":
        tell(
          readNames(state.kind === "shown" ? state.links.items.length : 0),
          (names) => ({ type: "names", names }),
          (problem) => ({ type: "names-failed", problem }),
        );
        return;
      case "unlink":
        tell(
          unlink(want.linkId),
          (link) => ({ type: "unlinked", link }),
          (problem) => ({ type: "unlink-failed", problem }),
        );
        return;
    }
  };
  return startFlow({ step, wants }, LOADING, perform);
}
