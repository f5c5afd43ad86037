// Parts that several pages of the account are made of.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { PAGES } from "../../shared/routes.ts";
import { useLocale } from "../../ui/i18n.tsx";
import type { Locale, Words } from "../../ui/i18n.tsx";
import { useStore } from "../../ui/machine.tsx";
import type { Store } from "../../ui/machine.tsx";
import { Button, LinkButton } from "../../ui/components.tsx";
import { problemOf } from "../../ui/problem.ts";
import type { Problem } from "../../ui/problem.ts";
import { begin } from "../begin.ts";
import type { BeginAct } from "../begin.ts";
import { guessWay, readDevice } from "../device.ts";
import { ProblemNotice } from "../frame.tsx";
import type { Services } from "../services.ts";
import type { Me } from "./me.ts";
import { words } from "./text.ts";

/** A flow that begins with the component and lasts as long as it. `locale` says the language of the moment. */
export function useFlow<S, E>(start: (locale: () => Locale) => Store<S, E>): [S, (event: E) => void] {
  const { locale } = useLocale();
  const now = useRef(locale);
  now.current = locale;
  const [store] = useState(() => start(() => now.current));
  const state = useStore(store);
  return [
    state,
    (event) => {
      store.send(event);
    },
  ];
}

/** One side of a pair: what it is, and what is known of it. */
export function Side(props: {
  kind: "account" | "card";
  title: Words;
  name: ComponentChildren;
  children?: ComponentChildren;
}) {
  const { t } = useLocale();
  return (
    <section class={`side side-${props.kind}`}>
      {props.kind === "account" ? <AccountSign /> : <CardSign />}
      <h2 class="side-title">{t(props.title)}</h2>
      <p class="side-name">{props.name}</p>
      {props.children}
    </section>
  );
}

/** Account and card, side by side; `tied`: how they stand to each other. */
export function Pair(props: {
  label: Words;
  tied: "not-yet" | "tied" | "apart";
  account: ComponentChildren;
  card: ComponentChildren;
}) {
  const { t } = useLocale();
  const near = props.tied === "tied";
  return (
    <div class={`pair pair-${props.tied}`} role="group" aria-label={t(props.label)}>
      {props.account}
      <svg class="pair-knot" viewBox="0 0 40 24" aria-hidden="true" focusable="false">
        <circle cx={near ? 15 : 10} cy="12" r="8" />
        <circle cx={near ? 25 : 30} cy="12" r="8" />
      </svg>
      {props.card}
    </div>
  );
}

function AccountSign() {
  return (
    <svg class="side-sign" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <circle cx="24" cy="17" r="8" />
      <path d="M8 42c1-10 7-14 16-14s15 4 16 14" />
    </svg>
  );
}

function CardSign() {
  return (
    <svg class="side-sign" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <rect x="4" y="10" width="40" height="28" rx="4" />
      <rect x="10" y="20" width="9" height="8" rx="1.5" />
      <path d="M26 20h12M26 26h8" />
    </svg>
  );
}

/** The account that is signed in, as one side. */
export function Account(props: { me: Me; children?: ComponentChildren }) {
  const { t, instant } = useLocale();
  return (
    <Side kind="account" title={words.signedInAs} name={props.me.name}>
      <dl class="facts">
        <dt>{t(words.signedInAt)}</dt>
        <dd>{instant(props.me.authTime)}</dd>
      </dl>
      {props.children}
    </Side>
  );
}

/** What could not be read, and a press that tries again. */
export function Retry(props: { problem: Problem; onPress: () => void }) {
  const { t } = useLocale();
  return (
    <>
      <ProblemNotice problem={props.problem} />
      <div class="actions">
        <Button kind="main" onPress={props.onPress}>
          {t(words.again)}
        </Button>
      </div>
    </>
  );
}

/** What a page is for, and the way in. `state.why`: why nobody is signed in, if something went wrong. */
export function SignedOut(props: {
  state: { why: string | null; pressed: boolean; trouble: Problem | null };
  lead: Words;
  list: readonly Words[];
  onSignIn: () => void;
}) {
  const { state } = props;
  const { t } = useLocale();
  const reason = state.trouble?.reason ?? state.why;
  return (
    <>
      <p class="lead">{t(props.lead)}</p>
      {reason !== null && <ProblemNotice problem={{ reason }} />}
      <ul>
        {props.list.map((item, index) => (
          <li key={index}>{t(item)}</li>
        ))}
      </ul>
      <div class="actions">
        <Button kind="main" busy={state.pressed} testId="sign-in" onPress={props.onSignIn}>
          {t(words.signIn)}
        </Button>
      </div>
    </>
  );
}

export function ToStatus(props: { kind?: "main" | "plain" }) {
  const { t } = useLocale();
  return (
    <LinkButton kind={props.kind ?? "plain"} href={PAGES.status}>
      {t(words.status)}
    </LinkButton>
  );
}

export function ToHome(props: { kind?: "main" | "plain"; words?: Words }) {
  const { t } = useLocale();
  return (
    <LinkButton kind={props.kind ?? "plain"} href={PAGES.home}>
      {t(props.words ?? words.home)}
    </LinkButton>
  );
}

/** A press that leads away from this page, with what went wrong below it. */
export function Press(props: {
  kind?: "main" | "plain" | "quiet" | "danger";
  run: () => Promise<unknown>;
  children: ComponentChildren;
  testId?: string;
}) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const press = () => {
    setBusy(true);
    setProblem(null);
    props.run().catch((error: unknown) => {
      setProblem(problemOf(error));
      setBusy(false);
    });
  };
  return (
    <>
      <Button
        kind={props.kind ?? "plain"}
        busy={busy}
        onPress={press}
        {...(props.testId === undefined ? {} : { testId: props.testId })}
      >
        {props.children}
      </Button>
      {problem !== null && <ProblemNotice problem={problem} />}
    </>
  );
}

/** Begins a journey with the card. */
export function BeginButton(props: {
  services: Services;
  act: BeginAct;
  kind?: "main" | "plain" | "danger";
  children: ComponentChildren;
  testId?: string;
}) {
  const { services, act, ...button } = props;
  const { locale } = useLocale();
  const run = async () => {
    const way = services.memory.get("way") ?? guessWay(readDevice());
    if ((await begin(services, act, way, locale)) === "begun") services.navigate(PAGES.journey);
  };
  return (
    <Press {...button} run={run}>
      {props.children}
    </Press>
  );
}
