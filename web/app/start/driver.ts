// Makes the calls of the way into a recovery.
import { FlowPolicy } from "../../gen/musubi/v1/common_pb.ts";
import { fromBase64Url } from "../../ui/bytes.ts";
import type { Store } from "../../ui/machine.tsx";
import { withRetry } from "../../ui/problem.ts";
import { startFlow, teller } from "../account/flow.ts";
import { codeOf } from "../account/fragment.ts";
import { requestId } from "../services.ts";
import type { Services } from "../services.ts";
import { begin, step, wants } from "./machine.ts";
import type { Event, Journey, State } from "./machine.ts";

/** `fragment`: that of the page's address, which has been removed from it. */
export function startRecovery(services: Services, fragment: string): Store<State, Event> {
  const { calls, timer } = services;
  // One request for one code: a repeated press gets the same answer.
  const id = requestId(services);
  const claim = (sessionId: string, code: string) => {
    const request = {
      requestId: id,
      sessionId: fromBase64Url(sessionId) ?? new Uint8Array(),
      startCode: fromBase64Url(code) ?? new Uint8Array(),
    };
    return withRetry(timer, () => calls.session.claimStart(request));
  };
  const look = async (sessionId: string): Promise<Journey> => {
    const request = { sessionId: fromBase64Url(sessionId) ?? new Uint8Array() };
    const { session } = await withRetry(timer, () => calls.session.getSession(request));
    const party = session?.relyingParty;
    if (session === undefined || party?.name === undefined)
      throw new Error("an answer without a relying party");
    return {
      sessionId,
      relyingParty: { ja: party.name.ja, en: party.name.en },
      policyUrl: party.policyUrl,
      termsUrl: party.termsUrl,
      crossDevice: session.flowPolicy !== FlowPolicy.ONE_DEVICE_ONLY,
    };
  };
  return startFlow({ step, wants }, begin(codeOf(fragment)), (want, store) => {
    const tell = teller((event: Event) => {
      store.send(event);
    });
    switch (want.call) {
      case "known":
        tell(
          services.http.state(),
          ({ session }) => ({ type: "known", verifySession: session?.act === "VERIFY" ? session.id : null }),
          () => ({ type: "known-failed" }),
        );
        return;
      case "claim":
        tell(
          claim(want.code.sessionId, want.code.code),
          () => ({ type: "claimed" }),
          (problem) => ({ type: "claim-failed", problem }),
        );
        return;
      case "session":
        tell(
          look(want.sessionId),
          (journey) => ({ type: "session", journey }),
          (problem) => ({ type: "session-failed", problem }),
        );
        return;
    }
  });
}
