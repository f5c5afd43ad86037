// The simulated camera on the app's first page: look at a window, or take a screenshot.
import { useEffect, useState } from "preact/hooks";

import { Button, Notice, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import type { Store } from "../../ui/machine.tsx";
import type { Timer } from "../../ui/timer.ts";
import { Simulation } from "../screens/parts.tsx";
import { scanTroubles, words } from "../text.ts";
import { browserScanner } from "./browser.ts";
import type { Event, State } from "./machine.ts";

type Scanner = Store<State, Event>;

/** A scanner for as long as the page is shown; then it looks at nothing any more. */
export function useScanner(timer: Timer, open: (fragment: string) => void): Scanner {
  const [scanner] = useState(() => browserScanner(timer, open));
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const picture = files.find(({ type }) => type.startsWith("image/"));
      if (picture === undefined) return;
      event.preventDefault();
      scanner.send({ type: "PICTURE", picture });
    };
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("paste", paste);
      scanner.send({ type: "STOP" });
    };
  }, [scanner]);
  return scanner;
}

/** What tests and screenshots call it; undefined: nothing is going on. */
export function nameOfScan(state: State): string | undefined {
  if (state.name !== "IDLE") return "app-scan-looking";
  return state.trouble === null ? undefined : `app-scan-${state.trouble}`;
}

export function ScanPanel(props: { scanner: Scanner; state: State; first: boolean }) {
  const { t } = useLocale();
  const { scanner, state } = props;
  const trouble = state.name === "IDLE" && state.trouble !== null ? scanTroubles[state.trouble] : null;
  return (
    <Simulation>
      <p id="scan-how">{t(words.scanHow)}</p>
      {state.name === "IDLE" ? (
        <Button kind={props.first ? "main" : "plain"} onPress={() => scanner.send({ type: "LOOK" })}>
          {t(words.scan)}
        </Button>
      ) : (
        <>
          <Waiting words={state.name === "LOOKING" && state.other ? words.scanOther : words.scanLooking} />
          <Button onPress={() => scanner.send({ type: "STOP" })}>{t(words.scanStop)}</Button>
        </>
      )}
      {trouble !== null && (
        <Notice kind="warning" title={t(trouble.title)}>
          <p>{t(trouble.text)}</p>
        </Notice>
      )}
      <div class="field">
        <label for="scan-picture">{t(words.scanPicture)}</label>
        <p class="hint" id="scan-picture-hint">
          {t(words.scanPictureHint)}
        </p>
        <input
          id="scan-picture"
          class="input file"
          type="file"
          accept="image/*"
          aria-describedby="scan-picture-hint"
          onChange={(event) => {
            const picture = event.currentTarget.files?.[0];
            event.currentTarget.value = "";
            if (picture !== undefined) scanner.send({ type: "PICTURE", picture });
          }}
        />
      </div>
    </Simulation>
  );
}
