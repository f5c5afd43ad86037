// The small parts that all pages are made of. They hold no logic of a flow.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Clock } from "../shared/clock.ts";
import { LanguageSwitch, useLocale } from "./i18n.tsx";
import type { Words } from "./i18n.tsx";
import { words } from "./text.ts";
import type { Timer } from "./timer.ts";

let pagesDrawn = 0;

/**
 * One page state: header, main, footer. Says its state to the document (`body[data-state]`), sets the
 * title, and moves the focus to its heading when the state changes, so that nobody is left behind.
 */
export function Page(props: {
  /** Name of the state, as tests and screenshots know it. */
  state: string;
  /** The heading; also the document's title. */
  title: Words;
  /** Name of the service, in the header. */
  service: Words;
  /** Where the name in the header leads; none: nowhere. */
  homeUrl?: string;
  /** When the focus moves to the heading; the state, unless said otherwise. */
  focusKey?: string;
  /** One line above the heading: in which journey this is. */
  eyebrow?: ComponentChildren;
  footer?: ComponentChildren;
  /** A wide page: two columns where there is room. */
  wide?: boolean;
  children: ComponentChildren;
}) {
  const { t } = useLocale();
  const heading = useRef<HTMLHeadingElement>(null);
  const title = t(props.title);
  const service = t(props.service);
  const focusKey = props.focusKey ?? props.state;
  useLayoutEffect(() => {
    document.body.dataset["state"] = props.state;
  }, [props.state]);
  useLayoutEffect(() => {
    document.title = `${title} – ${service}`;
  }, [title, service]);
  useLayoutEffect(() => {
    // The first page of a visit begins at its top, as the browser does it; waiting for it is no page.
    const first = pagesDrawn === 0;
    if (!props.state.endsWith("loading")) pagesDrawn += 1;
    if (first) return;
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [focusKey]);
  const name = (
    <>
      <Mark />
      <span>{service}</span>
    </>
  );
  return (
    <div class={props.wide === true ? "page page-wide" : "page"}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The fragment of the address is not ours to change: it may hold a code.
          event.preventDefault();
          heading.current?.focus();
        }}
      >
        {t(words.skip)}
      </a>
      <header class="masthead">
        {props.homeUrl === undefined ? (
          <span class="brand">{name}</span>
        ) : (
          <a class="brand" href={props.homeUrl}>
            {name}
          </a>
        )}
        <LanguageSwitch />
      </header>
      <main id="main">
        {props.eyebrow !== undefined && <p class="eyebrow">{props.eyebrow}</p>}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {props.children}
      </main>
      <footer class="foot">{props.footer}</footer>
    </div>
  );
}

/** The sign of the product: two loops, tied. Decoration. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 40 24" aria-hidden="true" focusable="false">
      <circle cx="13" cy="12" r="9" />
      <circle cx="27" cy="12" r="9" />
    </svg>
  );
}

type ButtonKind = "main" | "plain" | "quiet" | "danger";

/** Something happens here. One `main` a page: what most people do next. */
export function Button(props: {
  children: ComponentChildren;
  onPress?: () => void;
  kind?: ButtonKind;
  /** For forms. */
  submit?: boolean;
  /** Work is going on: says so, and takes no further press, but keeps the focus. */
  busy?: boolean;
  testId?: string;
  describedBy?: string;
}) {
  const { t } = useLocale();
  const busy = props.busy === true;
  return (
    <button
      type={props.submit === true ? "submit" : "button"}
      class={`button button-${props.kind ?? "plain"}`}
      aria-disabled={busy ? true : undefined}
      aria-describedby={props.describedBy}
      data-testid={props.testId}
      onClick={(event) => {
        if (busy) {
          event.preventDefault();
          return;
        }
        props.onPress?.();
      }}
    >
      {props.children}
      {busy && <span class="busy">{t(words.busy)}</span>}
    </button>
  );
}

/** Somewhere else is gone to from here. Looks like a button; is a link. */
export function LinkButton(props: {
  children: ComponentChildren;
  href: string;
  kind?: ButtonKind;
  /** In a tab of its own; says so. */
  newTab?: boolean;
  testId?: string;
}) {
  return (
    <a
      class={`button button-${props.kind ?? "plain"}`}
      href={props.href}
      data-testid={props.testId}
      {...(props.newTab === true ? { target: "_blank", rel: "noopener noreferrer" } : {})}
    >
      {props.children}
      {props.newTab === true && <NewTab />}
    </a>
  );
}

/** A link out of this site, in a tab of its own, so that the journey stays open. */
export function OutLink(props: { href: string; children: ComponentChildren }) {
  return (
    <a href={props.href} target="_blank" rel="noopener noreferrer">
      {props.children}
      <NewTab />
    </a>
  );
}

function NewTab() {
  const { t } = useLocale();
  return (
    <>
      <span aria-hidden="true"> ↗</span>
      <span class="hidden">{t(words.newTab)}</span>
    </>
  );
}

/** Something to know. `problem` is read out at once, the others when the reader pauses. */
export function Notice(props: {
  kind: "info" | "good" | "warning" | "problem";
  title?: ComponentChildren;
  children?: ComponentChildren;
  testId?: string;
}) {
  const urgent = props.kind === "problem" || props.kind === "warning";
  return (
    <div class={`notice notice-${props.kind}`} role={urgent ? "alert" : "status"} data-testid={props.testId}>
      <svg class="notice-sign" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        {props.kind === "good" ? (
          <path d="M5 13l4.5 4.5L19 7.5" />
        ) : props.kind === "info" ? (
          <path d="M12 11v6M12 7v.5" />
        ) : (
          <path d="M12 6v7.5M12 17v.5" />
        )}
      </svg>
      <div class="notice-body">
        {props.title !== undefined && <p class="notice-title">{props.title}</p>}
        {props.children}
      </div>
    </div>
  );
}

/** A question that must be answered before anything else. Escape is the way back. */
export function Dialog(props: {
  open: boolean;
  title: Words;
  children?: ComponentChildren;
  /** What goes on (the way back is the safe one and comes first in reading order). */
  confirm: Words;
  back: Words;
  kind?: "main" | "danger";
  busy?: boolean;
  onConfirm: () => void;
  onBack: () => void;
}) {
  const { t } = useLocale();
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    if (dialog === null) return;
    if (props.open && !dialog.open) dialog.showModal();
    if (!props.open && dialog.open) dialog.close();
  }, [props.open]);
  return (
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        props.onBack();
      }}
    >
      {props.open && (
        <>
          <h2 id={titleId}>{t(props.title)}</h2>
          {props.children}
          <div class="actions">
            <Button kind="plain" onPress={props.onBack}>
              {t(props.back)}
            </Button>
            <Button
              kind={props.kind ?? "danger"}
              busy={props.busy ?? false}
              onPress={props.onConfirm}
              testId="dialog-confirm"
            >
              {t(props.confirm)}
            </Button>
          </div>
        </>
      )}
    </dialog>
  );
}

/** The time now, drawn anew each second while the component stands. */
export function useNow(clock: Clock, timer: Timer): number {
  const [now, setNow] = useState(() => clock.now());
  useEffect(() => {
    let cancel: () => void;
    const tick = () => {
      setNow(clock.now());
      cancel = timer.after(1000, tick);
    };
    cancel = timer.after(1000, tick);
    return () => {
      cancel();
    };
  }, [clock, timer]);
  return now;
}

/** At which whole second of what is left a countdown speaks up. */
export function spokenSecond(left: number): 60 | 10 | 0 | null {
  if (left > 60) return null;
  if (left > 10) return 60;
  return left > 0 ? 10 : 0;
}

/** Time left until an instant. Seen each second; heard twice: a minute and ten seconds before the end. */
export function Countdown(props: { label: Words; until: number; clock: Clock; timer: Timer }) {
  const { t, seconds } = useLocale();
  const now = useNow(props.clock, props.timer);
  const left = Math.max(0, Math.ceil((props.until - now) / 1000));
  const spoken = spokenSecond(left);
  return (
    <p class={left <= 60 ? "countdown countdown-short" : "countdown"}>
      <span aria-hidden="true">
        {t(props.label)} <span class="countdown-time">{seconds(left)}</span>
      </span>
      <span class="hidden" role="status">
        {spoken !== null && spoken > 0 ? `${t(props.label)} ${seconds(spoken)}` : ""}
      </span>
    </p>
  );
}

/** Where in a row of steps the person is. */
export function Steps(props: { label: Words; steps: Words[]; current: number }) {
  const { t } = useLocale();
  return (
    <ol class="steps" aria-label={t(props.label)}>
      {props.steps.map((step, index) => {
        const done = index < props.current;
        return (
          <li
            key={index}
            class={done ? "step step-done" : index === props.current ? "step step-now" : "step"}
            aria-current={index === props.current ? "step" : undefined}
          >
            <span class="step-number" aria-hidden="true">
              {done ? "✓" : index + 1}
            </span>
            <span class="step-text">
              {t(step)}
              {done && <span class="hidden">{t(words.stepDone)}</span>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** One field of a form, with its label, help and what is wrong with it. */
export function Field(props: {
  label: Words;
  hint?: ComponentChildren;
  error?: ComponentChildren;
  value: string;
  onInput: (value: string) => void;
  /** Digits: the number keyboard. */
  inputMode?: "numeric" | "text";
  autoComplete?: string;
  /** Wide letters, for codes. */
  code?: boolean;
  /** Dots instead of letters, for a PIN. */
  secret?: boolean;
  maxLength?: number;
  name?: string;
  /** Takes the focus when it appears, and again whenever this changes. */
  focusKey?: string | number;
}) {
  const { t } = useLocale();
  const id = useId();
  const element = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (props.focusKey !== undefined) element.current?.focus();
  }, [props.focusKey]);
  const wrong = props.error !== undefined && props.error !== null;
  const described = [
    ...(props.hint === undefined ? [] : [`${id}-hint`]),
    ...(wrong ? [`${id}-error`] : []),
  ].join(" ");
  const input = {
    ref: element,
    id,
    class: props.code === true ? "input input-code" : "input",
    name: props.name,
    value: props.value,
    inputMode: props.inputMode ?? "text",
    autoComplete: props.autoComplete ?? "off",
    autoCapitalize: "off",
    spellcheck: false,
    maxLength: props.maxLength,
    "aria-invalid": wrong,
    "aria-describedby": described === "" ? undefined : described,
    onInput: (event: { currentTarget: HTMLInputElement }) => {
      props.onInput(event.currentTarget.value);
    },
  } as const;
  return (
    <div class="field">
      <label for={id}>{t(props.label)}</label>
      {props.hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
      {props.secret === true ? <input type="password" {...input} /> : <input type="text" {...input} />}
      <p class="field-error" id={`${id}-error`} role="alert">
        {props.error}
      </p>
    </div>
  );
}

/** Something that not everybody needs to read. */
export function Details(props: { summary: Words; children: ComponentChildren; open?: boolean }) {
  const { t } = useLocale();
  return (
    <details class="details" open={props.open}>
      <summary>{t(props.summary)}</summary>
      <div class="details-body">{props.children}</div>
    </details>
  );
}

/** Work whose length nobody knows. */
export function Waiting(props: { words: Words }) {
  const { t } = useLocale();
  return (
    <div class="waiting">
      <p role="status">{t(props.words)}</p>
    </div>
  );
}
