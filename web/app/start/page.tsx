// The way into a recovery (VERIFY): reads the start code, claims it after a press, says who asks, and offers the
// ways to go on.
import { PAGES } from "../../shared/routes.ts";
import { Button, Details, LinkButton, OutLink, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { Qr } from "../../ui/qr.tsx";
import { adviceFor } from "../../ui/reasons.ts";
import { takeFragment } from "../account/fragment.ts";
import { Retry, useFlow } from "../account/parts.tsx";
import { guessWay, readDevice } from "../device.ts";
import { Frame, ProblemNotice } from "../frame.tsx";
import type { Way } from "../memory.ts";
import type { Services } from "../services.ts";
import { startRecovery } from "./driver.ts";
import { firstWay, nameOfState } from "./machine.ts";
import type { Event, Journey } from "./machine.ts";
import { words } from "./text.ts";

export default function StartPage(props: { services: Services }) {
  const { services } = props;
  const { t } = useLocale();
  const [state, send] = useFlow(() => startRecovery(services, takeFragment(window)));
  const onPhone = guessWay(readDevice()) === "this";
  const press = (event: Event) => () => {
    send(event);
  };
  const frame = { services, state: nameOfState(state, onPhone) };
  switch (state.kind) {
    case "loading":
      return (
        <Frame {...frame} title={words.title} focusKey="begin">
          <Waiting words={words.looking} />
        </Frame>
      );
    case "offered":
    case "claiming":
      return (
        <Frame {...frame} title={words.title} focusKey="begin">
          <p class="lead">{t(words.lead)}</p>
          {state.kind === "offered" && state.trouble !== null && <ProblemNotice problem={state.trouble} />}
          <div class="actions">
            <Button
              kind="main"
              busy={state.kind === "claiming"}
              testId="begin"
              onPress={press({ type: "begin" })}
            >
              {t(words.begin)}
            </Button>
          </div>
          <p class="soft small">{t(words.soon)}</p>
          <h2>{t(words.needs)}</h2>
          <ul class="checklist">
            {words.need.map((need, index) => (
              <li key={index}>{t(need)}</li>
            ))}
          </ul>
        </Frame>
      );
    case "looking":
      return (
        <Frame {...frame} title={words.claimedTitle}>
          {state.trouble === null ? (
            <Waiting words={words.looking} />
          ) : (
            <Retry problem={state.trouble} onPress={press({ type: "retry" })} />
          )}
        </Frame>
      );
    case "claimed":
      return (
        <Frame {...frame} title={words.claimedTitle} wide>
          <Claimed services={services} journey={state.journey} onPhone={onPhone} />
        </Frame>
      );
    case "refused": {
      const advice = adviceFor(state.reason);
      return (
        <Frame {...frame} title={advice.title}>
          <p class="lead">{t(advice.next)}</p>
          <p>{t(words.refusedText)}</p>
          <BackToService services={services} />
        </Frame>
      );
    }
    case "no-code":
      return (
        <Frame {...frame} title={words.noCodeTitle}>
          <p class="lead">{t(words.noCodeText)}</p>
          <BackToService services={services} />
        </Frame>
      );
  }
}

function BackToService(props: { services: Services }) {
  const { t } = useLocale();
  return (
    <div class="actions">
      <LinkButton kind="main" href={props.services.config.recoveryUrl}>
        {t(words.back)}
      </LinkButton>
    </div>
  );
}

function Claimed(props: { services: Services; journey: Journey; onPhone: boolean }) {
  const { services, journey, onPhone } = props;
  const { t } = useLocale();
  const first = firstWay(journey, onPhone);
  const goOn = (way: Way) => () => {
    services.memory.set("way", way);
    services.navigate(PAGES.journey);
  };
  const here = (
    <section key="here" class={first === "here" ? "choice choice-first" : "choice"}>
      <h2>{t(words.onPhoneTitle)}</h2>
      <p>{t(words.onPhoneText)}</p>
      <Button kind={first === "here" ? "main" : "plain"} testId="on-phone" onPress={goOn("this")}>
        {t(first === "here" ? words.onPhone : words.iAmOnPhone)}
      </Button>
    </section>
  );
  const pc = (
    <section key="pc" class={first === "pc" ? "choice choice-first" : "choice"}>
      <h2>{t(words.pcTitle)}</h2>
      <p>{t(words.pcText)}</p>
      <Button kind={first === "pc" ? "main" : "plain"} testId="with-pc" onPress={goOn("other")}>
        {t(words.pc)}
      </Button>
    </section>
  );
  return (
    <>
      <div class="sheet">
        <dl class="facts">
          <dt>{t(words.who)}</dt>
          <dd>{t(journey.relyingParty)}</dd>
          <dt>{t(words.what)}</dt>
          <dd>{t(words.whatText)}</dd>
          <dt>{t(words.learns)}</dt>
          <dd>{t(words.learnsText)}</dd>
        </dl>
        <p class="links small">
          <OutLink href={journey.policyUrl}>{t(words.policy)}</OutLink>
          <OutLink href={journey.termsUrl}>{t(words.terms)}</OutLink>
        </p>
      </div>
      <p>{t(words.notMine)}</p>
      {journey.crossDevice && <div class="choices">{first === "here" ? [here, pc] : [pc, here]}</div>}
      {!journey.crossDevice && first === "here" && (
        <>
          <div class="choices">{here}</div>
          <Details summary={words.onPc}>
            <RecoveryQr services={services} />
          </Details>
        </>
      )}
      {!journey.crossDevice && first !== "here" && (
        <>
          <section class="sheet">
            <h2>{t(words.qrTitle)}</h2>
            <RecoveryQr services={services} />
          </section>
          <div class="actions">
            <Button testId="on-phone" onPress={goOn("this")}>
              {t(words.iAmOnPhone)}
            </Button>
            <span class="soft small">{t(words.onPhoneText)}</span>
          </div>
        </>
      )}
    </>
  );
}

/** Recovery that must stay on the phone: the way to its public first page, with no session in it. */
function RecoveryQr(props: { services: Services }) {
  const { recoveryUrl } = props.services.config;
  const { t } = useLocale();
  return (
    <div class="qr-beside">
      <div>
        <p>{t(words.qrText)}</p>
        <p class="small">
          {t(words.qrAddress)} <span class="address">{recoveryUrl}</span>
        </p>
        <p class="soft small">{t(words.qrWhat)}</p>
        <p class="soft small">{t(words.qrDone)}</p>
      </div>
      <Qr content={recoveryUrl} label={t(words.qrLabel)} />
    </div>
  );
}
