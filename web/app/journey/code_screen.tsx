// Two devices: the 6 digits that the phone shows, typed here.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Button, Countdown, Details, Field, Notice } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import type { Words } from "../../ui/i18n.tsx";
import { phrases, words } from "../text/journey.ts";
import type { Journey } from "./machine.ts";
import type { ScreenProps } from "./page.tsx";

/** Tries of a session, by the contract; fewer are worth a word. */
const ALL_TRIES = 5;

function wrong(journey: Journey, left: number): Words | null {
  switch (journey.codeProblem) {
    case "wrong":
      return phrases.wrongCode(left);
    case "form":
      return words.codeForm;
    case "expired":
      return words.codeExpired;
    case null:
      return null;
  }
}

export function CodeScreen(props: ScreenProps) {
  const { services, journey, view, send } = props;
  const { t } = useLocale();
  const left = view.codeTriesLeft;
  const problem = wrong(journey, left);
  return (
    <>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          send({ type: "code-sent" });
        }}
      >
        <Field
          label={words.codeLabel}
          hint={t(words.codeHint)}
          error={problem === null ? undefined : t(problem)}
          value={journey.code}
          onInput={(text) => send({ type: "code-typed", text })}
          inputMode="numeric"
          autoComplete="one-time-code"
          code
          // More than six, so that a pasted code with blanks and hyphens fits.
          maxLength={24}
          focusKey={`${journey.codeProblem ?? ""}${left}`}
        />
        {left < ALL_TRIES && problem === null && <p class="soft">{t(phrases.lastTry(left))}</p>}
        {view.codeExpiresAt !== undefined && (
          <Countdown
            label={words.codeLeft}
            until={timestampMs(view.codeExpiresAt)}
            clock={services.clock}
            timer={services.timer}
          />
        )}
        <div class="actions">
          <Button kind="main" submit busy={journey.work === "confirm"}>
            {t(words.codeSend)}
          </Button>
        </div>
      </form>
      {journey.alarm !== "shown" && view.qrRefreshesLeft > 0 && (
        <Details summary={words.notYours}>
          <p>{t(words.notYoursText)}</p>
          <Button kind="danger" busy={journey.work === "refresh"} onPress={() => send({ type: "not-mine" })}>
            {t(words.notMine)}
          </Button>
        </Details>
      )}
      {left === 1 && (
        <Notice kind="warning">
          <p>{t(lastWarning)}</p>
        </Notice>
      )}
    </>
  );
}

const lastWarning: Words = {
  ja: "次にまちがえると、手続きははじめからになります。番号をよく確かめてください。",
  en: "One more wrong code ends this journey. Look closely at the digits.",
};
