// Makes the calls of the account's own page.
import type { Locale } from "../../ui/i18n.tsx";
import type { Store } from "../../ui/machine.tsx";
import { withRetry } from "../../ui/problem.ts";
import { startFlow, teller } from "../account/flow.ts";
import { cardLink } from "../account/links.ts";
import { meOf } from "../account/me.ts";
import { goAndSignIn } from "../account/sign_in.ts";
import type { Services } from "../services.ts";
import { LOADING, step, wants } from "./machine.ts";
import type { Event, State } from "./machine.ts";

/** `error`: what went wrong with a sign-in on the way here. */
export function startMy(services: Services, locale: () => Locale, error: string | null): Store<State, Event> {
  const read = async () => {
    const request = { includeName: true, pageSize: 100 };
    const { links } = await withRetry(services.timer, () => services.calls.links.listLinks(request));
    return links.map(cardLink);
  };
  return startFlow({ step, wants }, LOADING, (want, store) => {
    const tell = teller((event: Event) => {
      store.send(event);
    });
    switch (want.key) {
      case "known":
        tell(
          services.http.state(),
          (browser) => ({ type: "known", me: meOf(browser), error }),
          (problem) => ({ type: "known-failed", problem }),
        );
        return;
      case "sign-in":
        tell(
          goAndSignIn(services, "MY", locale()),
          () => null,
          (problem) => ({ type: "sign-in-failed", problem }),
        );
        return;
      case "values":
        tell(
          read(),
          (links) => ({ type: "values", links }),
          (problem) => ({ type: "failed", problem }),
        );
        return;
    }
  });
}
