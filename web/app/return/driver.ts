// Makes the calls of the way back from the app.
import { ENDPOINTS, PAGES } from "../../shared/routes.ts";
import type { Store } from "../../ui/machine.tsx";
import { startFlow, teller } from "../account/flow.ts";
import { codeOf } from "../account/fragment.ts";
import { completeReturn, openReturn } from "../account/replace.ts";
import type { Services } from "../services.ts";
import { begin, step, wants } from "./machine.ts";
import type { Event, State } from "./machine.ts";

/** `fragment`: that of the page's address, which has been removed from it; so a page that is loaded anew
 *  before the answer came goes on with the code that this tab has kept. */
export function startReturn(services: Services, fragment: string): Store<State, Event> {
  return startFlow({ step, wants }, begin(codeOf(fragment) ?? openReturn(services)), (want, store) => {
    const tell = teller((event: Event) => {
      store.send(event);
    });
    switch (want.call) {
      case "known":
        tell(
          services.http.state(),
          ({ session }) => ({
            type: "known",
            mine: session === null ? null : { sessionId: session.id, act: session.act },
          }),
          (problem) => ({ type: "known-failed", problem }),
        );
        return;
      case "complete":
        tell(
          completeReturn(services, want.sessionId, want.code),
          () => {
            // The person is here: the journey goes on without another sign-in.
            services.present.add(want.sessionId);
            return { type: "completed" };
          },
          (problem) => ({ type: "failed", problem }),
        );
        return;
      case "go":
        if (want.to === "result") services.go(ENDPOINTS.result);
        else services.navigate(PAGES.journey);
        return;
    }
  });
}
