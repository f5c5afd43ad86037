// Makes the calls of the way back from the app.
import { ENDPOINTS, PAGES } from "../../shared/routes.ts";
import { fromBase64Url } from "../../ui/bytes.ts";
import type { Store } from "../../ui/machine.tsx";
import { withRetry } from "../../ui/problem.ts";
import { startFlow, teller } from "../account/flow.ts";
import { codeOf } from "../account/fragment.ts";
import { requestId } from "../services.ts";
import type { Services } from "../services.ts";
import { begin, step, wants } from "./machine.ts";
import type { Event, State } from "./machine.ts";

/** `fragment`: that of the page's address, which has been removed from it. */
export function startReturn(services: Services, fragment: string): Store<State, Event> {
  // One request for one code: a repeated press gets the same answer.
  const id = requestId(services);
  const complete = (sessionId: string, code: string) => {
    const request = {
      requestId: id,
      sessionId: fromBase64Url(sessionId) ?? new Uint8Array(),
      returnCode: fromBase64Url(code) ?? new Uint8Array(),
    };
    return withRetry(services.timer, () => services.calls.pairing.completeReturn(request));
  };
  return startFlow({ step, wants }, begin(codeOf(fragment)), (want, store) => {
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
          complete(want.sessionId, want.code),
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
