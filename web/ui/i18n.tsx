// The two languages of the pages: which one is on, its switch, and dates and times in it. The words
// themselves are in catalogues (text/*.ts), ja and en side by side: a missing one fails the type check.
import { createContext } from "preact";
import type { ComponentChildren } from "preact";
import { useContext, useLayoutEffect, useMemo, useState } from "preact/hooks";
import type { LocalizedText } from "../shared/page.ts";

export type Locale = "ja" | "en";

/** Words in each language. With a number or name in them: a function that returns one. */
export type Words = LocalizedText;

const STORAGE_KEY = "musubi.locale";

/** The language to begin with: the one chosen before, else the first of the browser's that we have, else ja. */
export function chooseLocale(stored: string | null, languages: readonly string[]): Locale {
  if (stored === "ja" || stored === "en") return stored;
  for (const language of languages) {
    const primary = language.toLowerCase().split("-")[0];
    if (primary === "ja" || primary === "en") return primary;
  }
  return "ja";
}

/** "4 minutes, 30 seconds"; seconds alone below a minute; never below zero. */
export function formatSeconds(locale: Locale, seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const unit = (name: "minute" | "second", value: number) =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "long" }).format(value);
  const minutes = Math.floor(whole / 60);
  const rest = whole % 60;
  if (minutes === 0) return unit("second", rest);
  if (rest === 0) return unit("minute", minutes);
  return locale === "ja"
    ? `${unit("minute", minutes)} ${unit("second", rest)}`
    : `${unit("minute", minutes)}, ${unit("second", rest)}`;
}

/** An instant (milliseconds since the epoch) as date and time of day, in the time zone of the browser. */
export function formatInstant(locale: Locale, instant: number): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" }).format(instant);
}

interface LocaleState {
  locale: Locale;
  setLocale: (locale: Locale) => void;
}

const LocaleContext = createContext<LocaleState>({ locale: "ja", setLocale: () => undefined });

function readStored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    // Storage may be switched off: the language then lasts as long as the page.
    return null;
  }
}

/** Holds the language for everything below it, and says it to the document. */
export function LocaleProvider(props: { children: ComponentChildren }) {
  const [locale, setState] = useState<Locale>(() => chooseLocale(readStored(), navigator.languages));
  useLayoutEffect(() => {
    document.documentElement.lang = locale;
  }, [locale]);
  const value = useMemo(
    () => ({
      locale,
      setLocale(next: Locale) {
        setState(next);
        try {
          localStorage.setItem(STORAGE_KEY, next);
        } catch {
          // As above.
        }
      },
    }),
    [locale],
  );
  return <LocaleContext.Provider value={value}>{props.children}</LocaleContext.Provider>;
}

export interface Localizer {
  locale: Locale;
  setLocale: (locale: Locale) => void;
  /** The words in the language that is on. */
  t: (words: Words) => string;
  seconds: (seconds: number) => string;
  instant: (instant: number) => string;
}

/** The language that is on, and how to say things in it. */
export function useLocale(): Localizer {
  const { locale, setLocale } = useContext(LocaleContext);
  return useMemo(
    () => ({
      locale,
      setLocale,
      t: (words: Words) => words[locale],
      seconds: (seconds: number) => formatSeconds(locale, seconds),
      instant: (instant: number) => formatInstant(locale, instant),
    }),
    [locale, setLocale],
  );
}

/** Words in the language that is on. */
export function Text(props: { of: Words }) {
  const { t } = useLocale();
  return <>{t(props.of)}</>;
}

/** Both languages, each by its own name; the one that is on is pressed. */
export function LanguageSwitch() {
  const { locale, setLocale } = useLocale();
  const names: [Locale, string][] = [
    ["ja", "日本語"],
    ["en", "English"],
  ];
  return (
    <div class="languages" role="group" aria-label={locale === "ja" ? "言語 / Language" : "Language / 言語"}>
      {names.map(([code, name]) => (
        <button
          key={code}
          type="button"
          lang={code}
          aria-pressed={code === locale}
          onClick={() => {
            setLocale(code);
          }}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
