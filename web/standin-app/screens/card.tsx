// With the card: set-up, unlock, start, both PINs, reading, and what came of it.
import type { ComponentChildren } from "preact";

import { VerdictReason } from "../../gen/musubi/v1/common_pb.ts";
import { Button, Countdown, Field, Notice, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { adviceForVerdict } from "../../ui/reasons.ts";
import type { Pin } from "../card.ts";
import { mayReadAgain, nameRequested } from "../moves.ts";
import type { Card } from "../state.ts";
import {
  lockedText,
  lockedTitle,
  pinHints,
  pinNames,
  pinWrong,
  proofsLeft,
  triesLeft,
  words,
} from "../text.ts";
import {
  accountOf,
  CardFileInput,
  Facts,
  Given,
  PolicyLinks,
  Screen,
  Simulation,
  TryAgain,
} from "./parts.tsx";
import type { View } from "./parts.tsx";

export function Setup(props: View) {
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-setup" title={words.setupTitle}>
      <p class="lead">{t(words.setupText)}</p>
      <Simulation>
        <CardFileInput app={props.app} />
      </Simulation>
    </Screen>
  );
}

export function Unlock(props: View) {
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-unlock" title={words.unlockTitle}>
      <p>{t(words.unlockText)}</p>
      <Simulation>
        <Button
          kind="main"
          busy={props.state.job !== null}
          onPress={() => props.app.send({ type: "CONTINUE" })}
        >
          {t(words.unlockDo)}
        </Button>
      </Simulation>
    </Screen>
  );
}

export function Start(props: View) {
  const { app, state } = props;
  const { t } = useLocale();
  const { challenge, journey } = state;
  const display = challenge?.display;
  if (display === undefined) {
    return (
      <Screen {...props} name="app-start-loading" title={words.startTitle}>
        <Waiting words={words.loading} />
      </Screen>
    );
  }
  const named = nameRequested(state);
  return (
    <Screen {...props} name="app-start" title={words.startTitle}>
      <Facts
        state={state}
        who={display.relyingParty}
        act={journey?.act}
        purpose={display.purpose}
        account={accountOf(display, journey?.act)}
        given={<Given more={named && <li>{t(words.name)}</li>} />}
      />
      <PolicyLinks who={display.relyingParty} />
      <p>{t(words.startNeeds)}</p>
      <ul>
        <li>{t(pinNames.AUTHENTICATION)}</li>
        {named && <li>{t(pinNames.CARD_INFO)}</li>}
      </ul>
      <div class="actions">
        <Button kind="main" onPress={() => app.send({ type: "CONTINUE" })}>
          {t(words.start)}
        </Button>
      </div>
    </Screen>
  );
}

export function EnterPin(props: View & { pin: Pin; wrong: boolean }) {
  const { app, state, pin, wrong } = props;
  const { t } = useLocale();
  const card = state.cards.find(({ id }) => id === state.cardId);
  const tries = card?.tries[pin] ?? 0;
  const second = pin === "CARD_INFO";
  return (
    <Screen {...props} name={second ? "app-pin-2" : "app-pin-1"} title={pinNames[pin]}>
      {tries === 1 && <LastTry />}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          app.send({ type: "CONTINUE" });
        }}
      >
        {second && <Button onPress={() => app.send({ type: "SAME_PIN" })}>{t(words.pinSame)}</Button>}
        <Field
          label={words.pinField}
          hint={t(pinHints[pin])}
          error={wrong ? t(pinWrong(tries)) : undefined}
          value={state.pins[pin]}
          onInput={(text) => app.send({ type: "TYPE_PIN", pin, text })}
          inputMode="numeric"
          code
          secret
          maxLength={4}
          focusKey={`${pin}-${wrong}`}
        />
        {!wrong && tries > 1 && <p class="small soft">{t(triesLeft(tries))}</p>}
        <p class="small soft">
          {t(words.pinStays)}
          {t(words.pinSimulated)}
        </p>
        <div class="actions">
          <Button kind="main" submit>
            {t(words.next)}
          </Button>
          <Button kind="quiet" onPress={() => app.send({ type: "BACK" })}>
            {t(words.back)}
          </Button>
        </div>
      </form>
    </Screen>
  );
}

function LastTry() {
  const { t } = useLocale();
  return (
    <Notice kind="warning" title={t(words.pinLast)} testId="last-try">
      <p>{t(words.pinLastText)}</p>
    </Notice>
  );
}

/** Which card lies under the phone: a real one says so by itself. */
function WhichCard(props: View & { cards: readonly Card[] }) {
  const { app, state, cards } = props;
  const { t } = useLocale();
  return (
    <Simulation>
      <fieldset class="radios">
        <legend>{t(words.readWhich)}</legend>
        {cards.map((card) => (
          <label class="check" key={card.id}>
            <input
              type="radio"
              name="card"
              checked={card.id === state.cardId}
              onChange={() => app.send({ type: "CHOOSE_CARD", id: card.id })}
            />
            <span>{card.label}</span>
          </label>
        ))}
      </fieldset>
    </Simulation>
  );
}

export function ReadReady(props: View & { why: "FIRST" | "TOO_SLOW" | "AGAIN" }) {
  const { app, state, clock, why } = props;
  const { t } = useLocale();
  const card = state.cards.find(({ id }) => id === state.cardId);
  const last = card?.tries.AUTHENTICATION === 1 || (nameRequested(state) && card?.tries.CARD_INFO === 1);
  return (
    <Screen {...props} name="app-read-ready" title={words.readTitle}>
      {why !== "FIRST" && (
        <Notice kind="info">
          <p>{t(why === "TOO_SLOW" ? words.readSlow : words.readAgain)}</p>
        </Notice>
      )}
      {last && <LastTry />}
      <CardAndPhone />
      <p>{t(words.readHow)}</p>
      {state.cards.length > 1 && <WhichCard {...props} cards={state.cards} />}
      <div class="actions">
        <Button
          kind="main"
          busy={state.job !== null}
          onPress={() => app.send({ type: "READ", now: clock.now() })}
        >
          {t(words.readStart)}
        </Button>
        <Button kind="quiet" onPress={() => app.send({ type: "BACK" })}>
          {t(words.back)}
        </Button>
      </div>
    </Screen>
  );
}

/** A phone on a card. Decoration: the words say the same. */
function CardAndPhone() {
  return (
    <svg class="card-phone" viewBox="0 0 220 120" aria-hidden="true" focusable="false">
      <rect x="18" y="34" width="132" height="78" rx="9" />
      <path d="M34 56h34M34 72h52M34 88h42" />
      <rect class="phone" x="104" y="8" width="62" height="104" rx="10" />
      <path d="M126 18h18" />
      <path class="wave" d="M178 44a24 24 0 0 1 0 32M190 34a40 40 0 0 1 0 52" />
    </svg>
  );
}

export function Reading(props: View) {
  const { app } = props;
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-reading" title={words.readingTitle}>
      <CardAndPhone />
      <Waiting words={words.reading} />
      <Simulation>
        <Button onPress={() => app.send({ type: "LIFT" })}>{t(words.lift)}</Button>
      </Simulation>
    </Screen>
  );
}

export function Lifted(props: View) {
  const { app, state, clock } = props;
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-lifted" title={words.liftedTitle}>
      <p class="lead">{t(words.liftedText)}</p>
      <CardAndPhone />
      <Simulation>
        <Button
          kind="main"
          busy={state.job !== null}
          onPress={() => app.send({ type: "READ", now: clock.now() })}
        >
          {t(words.liftedAgain)}
        </Button>
      </Simulation>
    </Screen>
  );
}

export function Locked(props: View & { pin: Pin }) {
  const { app, state, pin } = props;
  const { t } = useLocale();
  const others = state.cards.filter(
    ({ id, tries }) => id !== state.cardId && tries.AUTHENTICATION > 0 && tries.CARD_INFO > 0,
  );
  return (
    <Screen {...props} name="app-locked" title={lockedTitle(pin)}>
      <p class="lead">{t(lockedText)}</p>
      {others.length > 0 && (
        <div class="actions">
          <Button
            kind="main"
            onPress={() => {
              app.send({ type: "CHOOSE_CARD", id: others[0]?.id ?? "" });
              app.send({ type: "READ_AGAIN" });
            }}
          >
            {t(words.otherCard)}
          </Button>
        </div>
      )}
      <Simulation>
        <p class="small">{t(words.pinSimulated)}</p>
        <Button
          onPress={() => {
            void app.resetCard(state.cardId ?? "").then(() => app.send({ type: "READ_AGAIN" }));
          }}
        >
          {t(words.cardReset)}
        </Button>
        <CardFileInput app={app} />
      </Simulation>
    </Screen>
  );
}

export function Sending(props: View) {
  return (
    <Screen {...props} name="app-sending" title={words.sendingTitle}>
      <Waiting words={words.sending} />
    </Screen>
  );
}

export function ProofKept(props: View & { until: number }) {
  const { clock, timer, until } = props;
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-proof-kept" title={words.keptTitle}>
      <p class="lead">{t(words.keptText)}</p>
      <Countdown label={words.keptLeft} until={until} clock={clock} timer={timer} />
      <TryAgain {...props} />
    </Screen>
  );
}

function stateOfVerdict(reason: VerdictReason): string {
  if (reason === VerdictReason.EXPIRED) return "app-verdict-expired";
  const revoked = reason === VerdictReason.REVOKED || reason === VerdictReason.REVOKED_LATER;
  return revoked ? "app-verdict-revoked" : "app-verdict";
}

export function VerdictPage(props: View & { reason: VerdictReason; triesLeft: number }) {
  const { app, state, reason } = props;
  const { t } = useLocale();
  const advice = adviceForVerdict(reason);
  const again: ComponentChildren = t(mayReadAgain(reason) ? words.holdAgain : words.otherCard);
  return (
    <Screen {...props} name={stateOfVerdict(reason)} title={advice.title}>
      <p class="lead">{t(advice.next)}</p>
      <p class="soft">{t(proofsLeft(props.triesLeft))}</p>
      <div class="actions">
        <Button kind="main" busy={state.job !== null} onPress={() => app.send({ type: "READ_AGAIN" })}>
          {again}
        </Button>
      </div>
      {!mayReadAgain(reason) && (
        <Simulation>
          <CardFileInput app={app} />
        </Simulation>
      )}
    </Screen>
  );
}

export function Refused(props: View) {
  const { app } = props;
  const { t } = useLocale();
  return (
    <Screen {...props} name="app-refused" title={words.refusedTitle}>
      <Notice kind="problem">
        <p>{t(words.refusedText)}</p>
      </Notice>
      <div class="actions">
        <Button
          kind="main"
          onPress={() => {
            app.send({ type: "ASK_NOT_ME" });
          }}
        >
          {t(words.notMeDo)}
        </Button>
      </div>
    </Screen>
  );
}
