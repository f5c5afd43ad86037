// What a person decides once the card is proven: to link, unlink or replace it; and what came of it.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { SessionState } from "../../gen/musubi/v1/common_pb.ts";
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { PAGES } from "../../shared/routes.ts";
import { Button, Countdown, Dialog, LinkButton, Notice, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { adviceFor } from "../../ui/reasons.ts";
import {
  Account,
  BeginButton,
  Pair,
  Press,
  Retry,
  Side,
  ToHome,
  ToStatus,
  useFlow,
} from "../account/parts.tsx";
import { goAndSignIn } from "../account/sign_in.ts";
import { words as shared } from "../account/text.ts";
import { Frame, ProblemNotice } from "../frame.tsx";
import type { Services } from "../services.ts";
import { startDecision } from "./driver.ts";
import { nameOfState, nextSteps } from "./machine.ts";
import type { Event, Facts, NextStep, State } from "./machine.ts";
import { words } from "./text.ts";

interface Drawn<K extends State["kind"]> {
  services: Services;
  state: Extract<State, { kind: K }>;
  send: (event: Event) => void;
}

/**
 * A whole page, with its Frame: heading and state change with the decision. Shown by the journey once the
 * session is READY and CompleteReturn is done (the person was here all along, or has just signed in again),
 * and kept while the session is USED. LINK, UNLINK, REPLACE; never VERIFY. `session` may be newer each time.
 */
export function LinkDecision(props: {
  services: Services;
  session: SessionView;
  /** What the journey has to say meanwhile, as that the line is down. */
  above?: ComponentChildren;
}) {
  const { services, session } = props;
  const { t } = useLocale();
  const [state, send] = useFlow((locale) => startDecision(services, session, locale));

  const used = session.state === SessionState.USED;
  useEffect(() => {
    if (used) send({ type: "used" });
  }, [used]);
  const { readyUntil } = state.facts;
  useEffect(() => {
    if (readyUntil === null) return;
    return services.timer.after(Math.max(0, readyUntil - services.clock.now()), () => {
      send({ type: "time-up" });
    });
  }, [readyUntil]);

  const name = session.relyingParty?.name;
  const frame = {
    services,
    state: nameOfState(state),
    // A dialog keeps its own focus.
    focusKey: state.kind === "done" && state.undo.step !== "done" ? "done" : nameOfState(state),
    eyebrow: name === undefined ? "" : t({ ja: name.ja, en: name.en }),
  };
  const { act } = state.facts;
  const retry = () => {
    send({ type: "retry" });
  };
  switch (state.kind) {
    case "loading":
      return (
        <Frame {...frame} title={shared.loading}>
          {state.trouble === null ? (
            <Waiting words={shared.loading} />
          ) : (
            <Retry problem={state.trouble} onPress={retry} />
          )}
        </Frame>
      );
    case "sign-in":
      return (
        <Frame {...frame} title={words.signInTitle[state.why]}>
          {props.above}
          <SignIn services={services} state={state} send={send} />
        </Frame>
      );
    case "binding":
      return (
        <Frame {...frame} title={words.binding}>
          {state.trouble === null ? (
            <Waiting words={words.binding} />
          ) : (
            <Retry problem={state.trouble} onPress={retry} />
          )}
        </Frame>
      );
    case "decide":
    case "committing":
    case "declining":
      return (
        <Frame {...frame} wide title={words.title[act]} focusKey="decide">
          {props.above}
          <Decide services={services} state={state} send={send} />
        </Frame>
      );
    case "done":
      return (
        <Frame {...frame} wide title={state.undo.step === "done" ? words.undone : words.done[act]}>
          <Done services={services} state={state} send={send} />
        </Frame>
      );
    case "refused":
      return (
        <Frame {...frame} title={adviceFor(state.reason).title}>
          <Refused services={services} state={state} send={send} />
        </Frame>
      );
    case "over":
      return (
        <Frame {...frame} title={words.over[state.why]}>
          <p class="lead">{t(words.overText[state.why])}</p>
          <div class="actions">
            {state.why === "USED" && <ToStatus kind="main" />}
            {state.why === "REPLACED" && (
              <Button
                kind="main"
                onPress={() => {
                  services.navigate(PAGES.journey);
                }}
              >
                {t(words.showNew)}
              </Button>
            )}
            {state.why !== "USED" && state.why !== "REPLACED" && (
              <ToHome kind="main" words={words.next.again} />
            )}
          </div>
        </Frame>
      );
  }
}

function SignIn({ services, state, send }: Drawn<"sign-in">) {
  const { t } = useLocale();
  const { facts, why, pressed, trouble } = state;
  return (
    <>
      <p class="lead">{t(words.signInText[why])}</p>
      {facts.accountHint !== "" && <p class="side-name">{t(words.beganWith(facts.accountHint))}</p>}
      {trouble !== null && <ProblemNotice problem={trouble} />}
      <TimeLeft services={services} facts={facts} />
      <div class="actions">
        <Button
          kind="main"
          busy={pressed}
          onPress={() => {
            send({ type: "sign-in" });
          }}
        >
          {t(why === "NOT_SIGNED_IN" ? shared.signIn : shared.signInAgain)}
        </Button>
        <Button
          kind="quiet"
          onPress={() => {
            send({ type: "decline" });
          }}
        >
          {t(words.decline[facts.act])}
        </Button>
      </div>
    </>
  );
}

function TimeLeft(props: { services: Services; facts: Facts }) {
  const { services, facts } = props;
  if (facts.readyUntil === null) return null;
  return (
    <Countdown
      label={words.timeLeft}
      until={facts.readyUntil}
      clock={services.clock}
      timer={services.timer}
    />
  );
}

function CardSide(props: { facts: Facts }) {
  const { facts } = props;
  const { t, instant } = useLocale();
  return (
    <Side kind="card" title={shared.card} name={facts.cardName === "" ? t(words.cardValid) : facts.cardName}>
      <dl class="facts">
        {facts.cardName !== "" && (
          <>
            <dt>{t(words.cardState)}</dt>
            <dd>{t(words.cardStateValid)}</dd>
          </>
        )}
        {facts.provenAt !== null && (
          <>
            <dt>{t(words.cardProven)}</dt>
            <dd>{instant(facts.provenAt)}</dd>
          </>
        )}
        {facts.flow !== null && (
          <>
            <dt>{t(words.cardWay)}</dt>
            <dd>{t(facts.flow === "CROSS_DEVICE" ? words.wayCrossDevice : words.wayOneDevice)}</dd>
          </>
        )}
      </dl>
      {facts.cardName === "" && facts.act !== "UNLINK" && <p class="soft small">{t(words.noName)}</p>}
    </Side>
  );
}

function Decide({ services, state, send }: Drawn<"decide" | "committing" | "declining">) {
  const { t } = useLocale();
  const { facts, me } = state;
  const { act } = facts;
  const busy = state.kind !== "decide";
  return (
    <>
      <p class="lead">{t(words.lead[act])}</p>
      {me !== null && (
        <Pair
          label={words.pair}
          tied={act === "UNLINK" ? "tied" : "not-yet"}
          account={<Account me={me} />}
          card={<CardSide facts={facts} />}
        />
      )}
      <p>{t(words.meaning[act])}</p>
      {act !== "UNLINK" && <p class="soft small">{t(words.notYours)}</p>}
      {state.kind === "decide" && state.trouble !== null && <ProblemNotice problem={state.trouble} />}
      <div class="actions">
        <Button
          kind="main"
          busy={state.kind === "committing"}
          testId="decide"
          onPress={() => {
            send({ type: "decide" });
          }}
        >
          {t(words.decide[act])}
        </Button>
        <Button
          kind="plain"
          busy={state.kind === "declining"}
          testId="decline"
          onPress={() => {
            send({ type: "decline" });
          }}
        >
          {t(words.decline[act])}
        </Button>
      </div>
      {!busy && <TimeLeft services={services} facts={facts} />}
    </>
  );
}

function Done({ state, send }: Drawn<"done">) {
  const { t, instant } = useLocale();
  const { facts, me, link, undo } = state;
  const { act } = facts;
  const linked = act !== "UNLINK" && undo.step !== "done";
  const before =
    act === "LINK" && link.createdAt !== null && facts.provenAt !== null && link.createdAt < facts.provenAt;
  return (
    <>
      <Notice kind="good" testId="link-result">
        <p>
          {t(undo.step === "done" ? words.undoneText : before ? words.linkedBefore : words.doneText[act])}
        </p>
      </Notice>
      <Pair
        label={words.pair}
        tied={linked ? "tied" : "apart"}
        account={<Account me={me} />}
        card={
          <Side kind="card" title={shared.card} name={t(linked ? words.nowLinked : words.nowApart)}>
            {linked && link.createdAt !== null && (
              <dl class="facts">
                <dt>{t(shared.since)}</dt>
                <dd>{instant(link.createdAt)}</dd>
              </dl>
            )}
          </Side>
        }
      />
      <div class="actions">
        <ToStatus kind="main" />
        {!linked && <ToHome words={words.linkAgain} />}
      </div>
      {linked && (
        <div class="actions actions-end">
          <p class="soft">{t(words.undoOffer)}</p>
          <Button
            kind="danger"
            testId="undo"
            onPress={() => {
              send({ type: "undo" });
            }}
          >
            {t(shared.unlink)}
          </Button>
        </div>
      )}
      <Dialog
        open={undo.step === "asked" || undo.step === "working" || undo.step === "failed"}
        title={shared.unlinkTitle}
        confirm={shared.unlink}
        back={shared.unlinkNo}
        busy={undo.step === "working"}
        onBack={() => {
          send({ type: "undo-no" });
        }}
        onConfirm={() => {
          send({ type: "undo-yes" });
        }}
      >
        <p>{t(shared.unlinkMeaning1)}</p>
        <p>{t(shared.unlinkMeaning2)}</p>
        {undo.step === "failed" && (
          <ProblemNotice problem={undo.trouble}>
            <p>
              <a href={PAGES.status}>{t(shared.status)}</a>
            </p>
          </ProblemNotice>
        )}
      </Dialog>
    </>
  );
}

function Refused({ services, state }: Drawn<"refused">) {
  const { t } = useLocale();
  const { facts, me, reason } = state;
  const [first, ...others] = nextSteps(reason, facts.act, services.config.acts);
  return (
    <>
      <Notice kind="problem" testId={`problem-${reason}`}>
        <p>{t(adviceFor(reason).next)}</p>
        {reason !== "LINK_ENDED" && <p>{t(words.refusedAnyway)}</p>}
      </Notice>
      {reason === "CARD_ALREADY_LINKED" && <p>{t(words.cardTaken)}</p>}
      {reason === "ACCOUNT_ALREADY_LINKED" && (
        <p>{t(services.config.acts.includes("REPLACE") ? words.replaceInstead : words.replaceUnlinkFirst)}</p>
      )}
      {reason === "LINK_CARD_MISMATCH" && facts.act === "UNLINK" && <p>{t(words.wrongCard)}</p>}
      <dl class="facts">
        <dt>{t(shared.signedInAs)}</dt>
        <dd>{me.name}</dd>
      </dl>
      <div class="actions">
        {first !== undefined && <Next step={first} services={services} main />}
        {others.map((step) => (
          <Next key={step} step={step} services={services} />
        ))}
      </div>
    </>
  );
}

function Next(props: { step: NextStep; services: Services; main?: boolean }) {
  const { step, services } = props;
  const { t, locale } = useLocale();
  const kind = props.main === true ? "main" : "plain";
  const label = t(words.next[step]);
  switch (step) {
    case "status":
      return <ToStatus kind={kind} />;
    case "again":
      return <ToHome kind={kind} words={words.next.again} />;
    case "help":
      return (
        <LinkButton kind={kind} href={services.config.helpUrl} newTab>
          {label}
        </LinkButton>
      );
    case "replace":
    case "link":
      return (
        <BeginButton services={services} act={step === "link" ? "LINK" : "REPLACE"} kind={kind}>
          {label}
        </BeginButton>
      );
    case "other-account":
      return (
        <Press kind={kind} run={() => goAndSignIn(services, "STATUS_UNLINK", locale)}>
          {label}
        </Press>
      );
  }
}
