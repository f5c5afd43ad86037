// Consent, the way back, the ends, and trouble on the way.
import { VerdictReason } from "../../gen/musubi/v1/common_pb.ts";
import { Attribute } from "../../gen/musubi/v1/common_pb.ts";
import { Button, Notice, useNow } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { adviceFor, adviceForVerdict } from "../../ui/reasons.ts";
import type { Ending, Failure } from "../state.ts";
import { actWords, endings, returnIn, words } from "../text.ts";
import { accountOf, Facts, Given, PolicyLinks, Screen, TryAgain, WhereItBegan } from "./parts.tsx";
import type { View } from "./parts.tsx";

export function Consent(props: View & { changed: boolean }) {
  const { app, state } = props;
  const { t } = useLocale();
  const { consent, job } = state;
  const act = actWords(consent?.act);
  if (consent === null || act === null)
    return <Trouble {...props} failure={{ reason: "INTERNAL", retryAfterMs: null }} />;
  return (
    <Screen {...props} name="app-consent" title={act.allow}>
      {props.changed && (
        <Notice kind="warning" testId="consent-changed">
          <p>{t(words.consentChanged)}</p>
        </Notice>
      )}
      <Facts
        state={state}
        who={consent.relyingParty}
        act={consent.act}
        purpose={consent.purpose}
        account={accountOf(consent, consent.act)}
        given={
          <Given
            more={consent.attributes.map(({ attribute, value }) => (
              <li key={attribute}>
                {attribute === Attribute.NAME ? t(words.name) : `${attribute}`}: <b>{value}</b>
              </li>
            ))}
          />
        }
      />
      <PolicyLinks who={consent.relyingParty} />
      <div class="actions">
        <Button kind="main" busy={job?.task.do === "CONSENT"} onPress={() => app.send({ type: "ALLOW" })}>
          {t(words.allow)}
        </Button>
      </div>
    </Screen>
  );
}

export function Return(props: View & { returnAt: number | null; gone: boolean }) {
  const { app, state, clock, timer, returnAt, gone } = props;
  const { t } = useLocale();
  const now = useNow(clock, timer);
  const left = returnAt === null ? null : Math.max(0, Math.ceil((returnAt - now) / 1000));
  return (
    <Screen {...props} name="app-return" title={words.returnTitle}>
      <p class="lead">{t(gone ? words.returnGone : words.returnText)}</p>
      {left !== null && <p aria-live="off">{t(returnIn(left))}</p>}
      <div class="actions">
        <Button
          kind="main"
          busy={state.job !== null}
          onPress={() => app.send({ type: "RETURN", now: clock.now() })}
        >
          {t(words.returnDo)}
        </Button>
        {left !== null && <Button onPress={() => app.send({ type: "STAY" })}>{t(words.returnStay)}</Button>}
      </div>
    </Screen>
  );
}

export function DonePc(props: View) {
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-done-pc" title={words.donePcTitle}>
      <Notice kind="good">
        <p>{t(words.donePcText)}</p>
      </Notice>
      <div class="actions">
        <Button onPress={() => props.app.send({ type: "CLOSE" })}>{t(words.close)}</Button>
      </div>
    </Screen>
  );
}

export function DoneBrowser(props: View) {
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-done-browser" title={words.doneBrowserTitle}>
      <Notice kind="good">
        <p>{t(words.returnText)}</p>
      </Notice>
      <div class="actions">
        <WhereItBegan state={props.state} />
        <Button onPress={() => props.app.send({ type: "CLOSE" })}>{t(words.close)}</Button>
      </div>
    </Screen>
  );
}

export function Over(props: View & { ending: Ending }) {
  const { app, state, ending } = props;
  const { t } = useLocale();
  const { title, text } = endings[ending];
  const reason = state.verdict?.reason ?? VerdictReason.UNSPECIFIED;
  const advice = adviceForVerdict(reason);
  return (
    <Screen {...props} name={`app-over-${ending.toLowerCase().replaceAll("_", "-")}`} title={title}>
      <p class="lead">{t(text)}</p>
      {ending === "FAILED" && reason !== VerdictReason.UNSPECIFIED && (
        <Notice kind="problem" title={t(advice.title)}>
          <p>{t(advice.next)}</p>
        </Notice>
      )}
      <div class="actions">
        <WhereItBegan state={state} />
        <Button onPress={() => app.send({ type: "CLOSE" })}>{t(words.close)}</Button>
      </div>
    </Screen>
  );
}

export function Trouble(props: View & { failure: Failure }) {
  const { failure } = props;
  const { t } = useLocale();
  const advice = adviceFor(failure.reason);
  return (
    <Screen {...props} name="app-trouble" title={advice.title}>
      <div data-testid={`reason-${failure.reason}`}>
        <p class="lead">{t(advice.next)}</p>
      </div>
      <TryAgain {...props} />
    </Screen>
  );
}
