// From the closed app to the pairing: home, cards, the link that opened it, who asks, the 6 digits.
import { Button, Countdown, Notice, useNow, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { useStore } from "../../ui/machine.tsx";
import { adviceFor } from "../../ui/reasons.ts";
import { nameOfScan, ScanPanel, useScanner } from "../scan/panel.tsx";
import { pinNames, triesLeft, words } from "../text.ts";
import { CardFileInput, Facts, Screen, Simulation } from "./parts.tsx";
import type { View } from "./parts.tsx";

export function Loading(props: View) {
  return (
    <Screen {...props} name="app-loading" title={words.app}>
      <Waiting words={words.loading} />
    </Screen>
  );
}

export function NotInstalled(props: View) {
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-not-installed" title={words.installTitle}>
      <p class="lead">{t(words.installText)}</p>
      <Simulation>
        <Button kind="main" onPress={() => props.app.send({ type: "INSTALLED", installed: true })}>
          {t(words.installDo)}
        </Button>
      </Simulation>
    </Screen>
  );
}

export function Home(props: View) {
  const { app, state } = props;
  const { t } = useLocale();
  const bare = state.cards.length === 0;
  const scanner = useScanner(props.timer, (fragment) => app.openLink(fragment));
  const scan = useStore(scanner);
  return (
    <Screen
      {...props}
      name="app-home"
      part={nameOfScan(scan)}
      title={bare ? words.homeTitleBare : words.homeTitle}
    >
      {bare && <CardFileInput app={app} />}
      <p class={bare ? undefined : "lead"}>{t(words.homeHow)}</p>
      <ScanPanel scanner={scanner} state={scan} first={!bare} />
      <div class="actions">
        <Button onPress={() => app.send({ type: "OPEN_CARDS" })}>{t(words.cardsOpen)}</Button>
      </div>
    </Screen>
  );
}

export function Cards(props: View) {
  const { app, state } = props;
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-cards" title={words.cardsTitle}>
      {state.cards.length === 0 && <p>{t(words.cardsNone)}</p>}
      {state.cards.map((card) => (
        <section class="sheet" key={card.id} aria-label={card.label}>
          <h2>{card.label}</h2>
          <ul class="plain-list">
            {(["AUTHENTICATION", "CARD_INFO"] as const).map((pin) => (
              <li key={pin}>
                {t(pinNames[pin])}: {t(triesLeft(card.tries[pin]))}
              </li>
            ))}
          </ul>
          <div class="actions">
            <Button onPress={() => void app.resetCard(card.id)}>{t(words.cardReset)}</Button>
            <Button kind="danger" onPress={() => void app.removeCard(card.id)}>
              {t(words.cardRemove)}
            </Button>
          </div>
        </section>
      ))}
      <CardFileInput app={app} />
      <Simulation>
        <label class="check">
          <input
            type="checkbox"
            checked={!state.installed}
            onChange={(event) => app.send({ type: "INSTALLED", installed: !event.currentTarget.checked })}
          />
          <span>{t(words.notInstalled)}</span>
        </label>
        <p class="small soft">{t(words.pinSimulated)}</p>
      </Simulation>
      <div class="actions">
        <Button kind="main" onPress={() => app.send({ type: "CLOSE" })}>
          {t(words.close)}
        </Button>
      </div>
    </Screen>
  );
}

export function Opened(props: View) {
  const { app, state } = props;
  const { t } = useLocale();
  const qr = state.opening?.link.kind === "QR";
  return (
    <Screen {...props} name="app-opened" title={words.openedTitle}>
      <p class="lead">{t(qr ? words.openedQr : words.openedHandoff)}</p>
      <p class="soft">{t(words.openedSent)}</p>
      <div class="actions">
        <Button
          kind="main"
          busy={state.job?.task.do === "CLAIM"}
          onPress={() => app.send({ type: "CONTINUE" })}
        >
          {t(words.continue)}
        </Button>
      </div>
    </Screen>
  );
}

export function LinkDamaged(props: View) {
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-link-damaged" title={words.damagedTitle}>
      <p class="lead">{t(words.damagedText)}</p>
      <div class="actions">
        <Button kind="main" onPress={() => props.app.send({ type: "CLOSE" })}>
          {t(words.close)}
        </Button>
      </div>
    </Screen>
  );
}

/** Refusals after which the very same session goes on. */
const COSTS_NOTHING = new Set([
  "QR_FRAME_STALE",
  "QR_FRAME_SUPERSEDED",
  "QR_FRAME_INVALID",
  "QR_PAGE_EXPIRED",
  "HANDOFF_INVALID",
]);

export function ClaimRefused(props: View & { reason: string }) {
  const { t } = useLocale();
  const { reason } = props;
  const advice = adviceFor(reason);
  return (
    <Screen {...props} name="app-claim-refused" title={advice.title}>
      <div data-testid={`reason-${reason}`}>
        <p class="lead">{t(advice.next)}</p>
        {COSTS_NOTHING.has(reason) && <p class="soft">{t(words.costsNothing)}</p>}
      </div>
      <div class="actions">
        <Button kind="main" onPress={() => props.app.send({ type: "CLOSE" })}>
          {t(words.close)}
        </Button>
      </div>
    </Screen>
  );
}

export function Who(props: View) {
  const { app, state } = props;
  const { t } = useLocale();
  const { view, journey } = state;
  // The view comes a moment after the claim; nothing is asked before it says who asks.
  if (view === null) {
    return (
      <Screen {...props} name="app-who-loading" title={words.whoTitle}>
        <Waiting words={words.loading} />
      </Screen>
    );
  }
  const paired = view.maskedAccountHint !== "";
  return (
    <Screen {...props} name="app-who" title={words.whoTitle}>
      <Facts
        state={state}
        who={view.relyingParty}
        act={journey?.act}
        context={view.clientContext}
        account={paired ? { bound: true, hint: view.maskedAccountHint } : undefined}
      />
      <p class="soft">{t(words.openedSent)}</p>
      <div class="actions">
        <Button kind="main" onPress={() => app.send({ type: "CONTINUE" })}>
          {t(words.whoYes)}
        </Button>
        <Button kind="danger" onPress={() => app.send({ type: "ASK_NOT_ME" })}>
          {t(words.notMe)}
        </Button>
      </div>
    </Screen>
  );
}

export function Code(props: View) {
  const { app, state, clock, timer } = props;
  const { t } = useLocale();
  const now = useNow(clock, timer);
  const { code, job } = state;
  const fresh = code !== null && now < code.expiresAt;
  return (
    <Screen {...props} name="app-code" title={words.codeTitle}>
      {code === null ? (
        <Waiting words={words.codeMaking} />
      ) : fresh ? (
        <>
          <p class="code" data-testid="pairing-code">
            <span class="hidden">{code.digits.split("").join(" ")}</span>
            <span aria-hidden="true">{code.digits.slice(0, 3)}</span>
            <span aria-hidden="true">{code.digits.slice(3)}</span>
          </p>
          <Countdown label={words.codeLeft} until={code.expiresAt} clock={clock} timer={timer} />
          <p>{t(words.codeWaits)}</p>
          <p class="soft">{t(words.codeSecret)}</p>
        </>
      ) : (
        <Notice kind="warning" title={t(words.codeOver)} testId="code-over">
          <p>{t(words.codeOverText)}</p>
        </Notice>
      )}
      <div class="actions">
        <Button
          kind={fresh ? "plain" : "main"}
          busy={job?.task.do === "NEW_CODE"}
          onPress={() => app.send({ type: "NEW_CODE" })}
        >
          {t(words.codeNew)}
        </Button>
      </div>
    </Screen>
  );
}
