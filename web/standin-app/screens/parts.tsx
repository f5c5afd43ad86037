// What the screens of the app are made of, beside ui/components.tsx.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { Act, Flow } from "../../gen/musubi/v1/common_pb.ts";
import type { ClientContext, LocalizedText, RelyingPartyInfo } from "../../gen/musubi/v1/common_pb.ts";
import type { Clock } from "../../shared/clock.ts";
import { Button, Dialog, LinkButton, Notice, OutLink, Page } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import type { Words } from "../../ui/i18n.tsx";
import type { Timer } from "../../ui/timer.ts";
import type { App } from "../driver.ts";
import { mayStop } from "../moves.ts";
import type { State } from "../state.ts";
import { actWords, words } from "../text.ts";

/** What each screen gets. */
export interface View {
  app: App;
  state: State;
  clock: Clock;
  timer: Timer;
}

/** Goes on where it stopped. */
export function TryAgain({ app, state, clock }: View) {
  const { t } = useLocale();
  return (
    <div class="actions">
      <Button
        kind="main"
        busy={state.job !== null}
        onPress={() => app.send({ type: "TRY_AGAIN", now: clock.now() })}
      >
        {t(words.tryAgain)}
      </Button>
    </div>
  );
}

/** One screen: its name for tests, its heading, "Stop" wherever there is something to stop. */
export function Screen(
  props: View & {
    name: string;
    /** What goes on within it, where that has a name of its own. */
    part?: string | undefined;
    title: Words;
    children: ComponentChildren;
  },
) {
  const { app, state, name, title } = props;
  const { t } = useLocale();
  const { dialog, job } = state;
  const shown = dialog === "STOP" ? "app-stop" : dialog === "NOT_ME" ? "app-not-me" : (props.part ?? name);
  const act = actWords(state.journey?.act);
  const stoppable = mayStop(state);
  return (
    <Page
      state={shown}
      focusKey={name}
      title={title}
      service={words.app}
      eyebrow={act !== null && stoppable ? t(act.short) : undefined}
      footer={<p class="small">{t(words.aboutApp)}</p>}
    >
      {state.offline && stoppable && (
        <Notice kind="warning" title={t(words.offlineTitle)} testId="offline">
          <p>{t(words.offlineText)}</p>
          <Button onPress={() => app.reconnect()}>{t(words.offlineDo)}</Button>
        </Notice>
      )}
      {props.children}
      {stoppable && (
        <div class="actions actions-end">
          <Button
            kind="quiet"
            busy={job?.task.do === "CANCEL"}
            onPress={() => app.send({ type: "ASK_STOP" })}
          >
            {t(words.stop)}
          </Button>
          {state.journey !== null && NOT_ME_AT.has(name) && (
            <Button kind="quiet" onPress={() => app.send({ type: "ASK_NOT_ME" })}>
              {t(words.notMe)}
            </Button>
          )}
        </div>
      )}
      <Dialog
        open={dialog !== null}
        title={dialog === "NOT_ME" ? words.notMeTitle : words.stopTitle}
        confirm={dialog === "NOT_ME" ? words.notMeDo : words.stop}
        back={words.stopBack}
        onConfirm={() => app.send({ type: "CONFIRM" })}
        onBack={() => app.send({ type: "GO_BACK" })}
      >
        <p>{t(dialog === "NOT_ME" ? words.notMeText : words.stopText)}</p>
      </Dialog>
    </Page>
  );
}

/** Where the person reads who asks; the page of that question has a button of its own. */
const NOT_ME_AT = new Set(["app-code", "app-start", "app-consent"]);

/** Something that a real phone or card does by itself. */
export function Simulation(props: { children: ComponentChildren }) {
  const { t } = useLocale();
  return (
    <section class="simulation" aria-label={t(words.simulation)}>
      <p class="simulation-title">{t(words.simulation)}</p>
      {props.children}
    </section>
  );
}

function browserName(context: ClientContext | undefined): string {
  const { browser = "", operatingSystem = "", network = "" } = context ?? {};
  return [browser, operatingSystem, network].filter((part) => part !== "").join(" · ");
}

function hostOf(origin: string): string {
  return new URL(origin).host;
}

/** Who asks, what for, for whom: as far as it is known. */
export function Facts(props: {
  state: State;
  who: RelyingPartyInfo | undefined;
  act: Act | undefined;
  purpose?: LocalizedText | undefined;
  account?: { bound: boolean; hint: string } | undefined;
  context?: ClientContext | undefined;
  /** What is given, for consent. */
  given?: ComponentChildren;
}) {
  const { t } = useLocale();
  const { who, act, purpose, account, context, state } = props;
  const name = who?.name;
  const known = actWords(act);
  const browser = browserName(context);
  return (
    <dl class="facts sheet">
      {name !== undefined && <Fact label={words.whoAsks}>{t(name)}</Fact>}
      {name !== undefined && known !== null && <Fact label={words.whatFor}>{t(known.long(name))}</Fact>}
      {account !== undefined && (
        <Fact label={words.account}>
          {!account.bound
            ? t(words.accountLater)
            : account.hint === ""
              ? t(words.accountHidden)
              : account.hint}
        </Fact>
      )}
      {purpose !== undefined && <Fact label={words.purpose}>{t(purpose)}</Fact>}
      {props.given !== undefined && <Fact label={words.given}>{props.given}</Fact>}
      {context !== undefined && (
        <Fact label={words.browser}>{browser === "" ? t(words.unknown) : browser}</Fact>
      )}
      <Fact label={words.origin}>{hostOf(state.origin)}</Fact>
    </dl>
  );
}

/** The account as far as it may be shown; VERIFY names none: the card finds it. */
export function accountOf(named: { accountBound: boolean; maskedAccountHint: string }, act: Act | undefined) {
  if (act === Act.VERIFY && !named.accountBound) return undefined;
  return { bound: named.accountBound, hint: named.maskedAccountHint };
}

/** What is given: that the card is there, and what was asked for beyond that. */
export function Given(props: { more: ComponentChildren }) {
  const { t } = useLocale();
  return (
    <ul class="plain-list">
      <li>{t(words.cardIsThere)}</li>
      {props.more}
    </ul>
  );
}

export function Fact(props: { label: Words; children: ComponentChildren }) {
  const { t } = useLocale();
  return (
    <>
      <dt>{t(props.label)}</dt>
      <dd>{props.children}</dd>
    </>
  );
}

export function PolicyLinks(props: { who: RelyingPartyInfo | undefined }) {
  const { t } = useLocale();
  const links: [Words, string][] = [
    [words.policy, props.who?.policyUrl ?? ""],
    [words.terms, props.who?.termsUrl ?? ""],
  ];
  const safe = links.filter(([, url]) => url.startsWith("https://"));
  if (safe.length === 0) return null;
  return (
    <ul class="plain-list">
      {safe.map(([label, url]) => (
        <li key={url}>
          <OutLink href={url}>{t(label)}</OutLink>
        </li>
      ))}
    </ul>
  );
}

/** One device: the way to the page where the person began. On a PC there is nothing to open. */
export function WhereItBegan(props: { state: State }) {
  const { t } = useLocale();
  const { journey, origin } = props.state;
  if (journey?.flow !== Flow.ONE_DEVICE) return null;
  return <LinkButton href={`${origin}/journey`}>{t(words.toBrowser)}</LinkButton>;
}

/** Takes a card file in; says what is wrong with one that is none. */
export function CardFileInput(props: { app: App }) {
  const { t } = useLocale();
  const [wrong, setWrong] = useState(false);
  const take = async (file: File): Promise<void> => {
    try {
      await props.app.addCard(file.name, await file.text());
      setWrong(false);
    } catch {
      // NotACard says which member is wrong; the person needs to know that it is the wrong file.
      setWrong(true);
    }
  };
  return (
    <div class="field">
      <label for="card-file">{t(words.cardFile)}</label>
      <p class="hint" id="card-file-hint">
        {t(words.cardFileHint)}
      </p>
      <input
        id="card-file"
        class="input file"
        type="file"
        accept=".json,application/json"
        aria-describedby="card-file-hint"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file !== undefined) void take(file);
        }}
      />
      {wrong && (
        <Notice kind="problem" title={t(words.notACard)}>
          <p>{t(words.notACardText)}</p>
        </Notice>
      )}
    </div>
  );
}
