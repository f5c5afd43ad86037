// Makes the calls of the decision.
import { Act, CancelReason, Flow, SessionState } from "../../gen/musubi/v1/common_pb.ts";
import type { Link } from "../../gen/musubi/v1/link_pb.ts";
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { fromBase64Url, toBase64Url } from "../../ui/bytes.ts";
import type { Locale } from "../../ui/i18n.tsx";
import type { Store } from "../../ui/machine.tsx";
import { withRetry } from "../../ui/problem.ts";
import { startFlow, teller } from "../account/flow.ts";
import { cardLink, instant, nameOf } from "../account/links.ts";
import type { CardLink } from "../account/links.ts";
import { meOf } from "../account/me.ts";
import { decisionOf, requestIdOf, wasDecidedHere } from "../account/request_id.ts";
import { bindAccount } from "../account/replace.ts";
import { askSignIn } from "../begin.ts";
import type { Services } from "../services.ts";
import { begin, step, wants } from "./machine.ts";
import type { DecisionAct, Event, Facts, State, Used } from "./machine.ts";

/** What the decision needs to know of a session. */
export function factsOf(session: SessionView): Facts {
  return {
    sessionId: toBase64Url(session.sessionId),
    act: actOf(session.act),
    flow: nameOf(Flow, session.flow),
    accountHint: session.maskedAccountHint,
    bound: session.accountBound,
    cardName: session.cardName,
    provenAt: instant(session.verdict?.checkedAt),
    readyUntil: instant(session.readyUntil),
  };
}

function actOf(act: Act): DecisionAct {
  const name = nameOf(Act, act);
  return name === "UNLINK" || name === "REPLACE" ? name : "LINK";
}

/** What follows is another document. */
const nothing = () => null;

export function startDecision(
  services: Services,
  session: SessionView,
  locale: () => Locale,
): Store<State, Event> {
  const { calls, timer } = services;
  const facts = factsOf(session);
  const { sessionId } = session;
  const decision = decisionOf(session);

  const commit = async (): Promise<CardLink> => {
    const requestId = requestIdOf(services, decision);
    const answer = await withRetry<{ link?: Link | undefined }>(timer, () =>
      facts.act === "UNLINK"
        ? calls.links.deleteLink({ target: { case: "sessionId", value: sessionId }, requestId })
        : calls.links.createLink({ sessionId, requestId }),
    );
    if (answer.link === undefined) throw new Error("an answer without a link");
    return cardLink(answer.link);
  };
  const cancel = () => {
    const requestId = requestIdOf(services, `cancel.${facts.sessionId}`);
    const reason = CancelReason.USER_CANCELLED;
    return withRetry(timer, () => calls.session.cancelSession({ sessionId, requestId, reason }));
  };
  const unlink = (link: CardLink) => {
    const requestId = requestIdOf(services, `unlink.${link.id}`);
    const linkId = fromBase64Url(link.id) ?? new Uint8Array();
    return withRetry(timer, () =>
      calls.links.deleteLink({ target: { case: "linkId", value: linkId }, requestId }),
    );
  };
  const usedBy: Used = wasDecidedHere(services, session) ? "by-this-tab" : "elsewhere";
  const used: Used = session.state === SessionState.USED ? usedBy : "no";
  return startFlow({ step, wants }, begin(facts, used), (want, store) => {
    const tell = teller((event: Event) => {
      store.send(event);
    });
    switch (want.call) {
      case "known":
        tell(
          services.http.state(),
          (browser) => ({ type: "known", me: meOf(browser) }),
          (problem) => ({ type: "known-failed", problem }),
        );
        return;
      case "sign-in":
        tell(askSignIn(services, facts.act, facts.sessionId, locale()), nothing, (problem) => ({
          type: "sign-in-failed",
          problem,
        }));
        return;
      case "bind":
        tell(
          bindAccount(services, facts.sessionId),
          () => ({ type: "bound" }),
          (problem) => ({ type: "bind-failed", problem }),
        );
        return;
      case "commit":
        tell(
          commit(),
          (link) => ({ type: "committed", link }),
          (problem) => ({ type: "commit-failed", problem }),
        );
        return;
      case "cancel":
        tell(
          cancel(),
          () => ({ type: "declined" }),
          (problem) => ({ type: "decline-failed", problem }),
        );
        return;
      case "undo":
        if (store.state.kind !== "done") return;
        tell(
          unlink(store.state.link),
          () => ({ type: "undone" }),
          (problem) => ({ type: "undo-failed", problem }),
        );
        return;
    }
  });
}
