// Back from the app on the same phone: completes the return in the browser that began, and in no other.
import { PAGES } from "../../shared/routes.ts";
import { Button, Notice, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { adviceFor } from "../../ui/reasons.ts";
import { takeFragment } from "../account/fragment.ts";
import { Retry, ToHome, useFlow } from "../account/parts.tsx";
import { Frame } from "../frame.tsx";
import type { Services } from "../services.ts";
import { startReturn } from "./driver.ts";
import { nameOfState } from "./machine.ts";
import { words } from "./text.ts";

export default function ReturnPage(props: { services: Services }) {
  const { services } = props;
  const { t } = useLocale();
  const [state, send] = useFlow(() => startReturn(services, takeFragment(window)));
  const retry = () => {
    send({ type: "retry" });
  };
  const frame = { services, state: nameOfState(state) };
  const journey = (
    <Button
      kind="main"
      onPress={() => {
        services.navigate(PAGES.journey);
      }}
    >
      {t(words.journey)}
    </Button>
  );
  switch (state.kind) {
    case "loading":
    case "completing":
    case "going":
      return (
        <Frame {...frame} title={words.title} focusKey="return">
          {state.kind === "loading" && state.trouble !== null ? (
            <Retry problem={state.trouble} onPress={retry} />
          ) : (
            <Waiting words={words.completing} />
          )}
        </Frame>
      );
    case "trouble":
      return (
        <Frame {...frame} title={words.title} focusKey="return">
          <Retry problem={state.problem} onPress={retry} />
        </Frame>
      );
    case "other-browser":
      return (
        <Frame {...frame} title={words.otherTitle}>
          <p class="lead">{t(words.otherLead)}</p>
          <h2>{t(words.otherSteps)}</h2>
          <ol>
            {words.other.map((item, index) => (
              <li key={index}>{t(item)}</li>
            ))}
          </ol>
          <Notice kind="info">
            <p>{t(words.otherWarning)}</p>
          </Notice>
        </Frame>
      );
    case "code-over":
      return (
        <Frame {...frame} title={words.overTitle}>
          <p class="lead">{t(words.overLead)}</p>
          <div class="actions">{journey}</div>
        </Frame>
      );
    case "refused":
      return (
        <Frame {...frame} title={adviceFor(state.reason).title}>
          <p class="lead">{t(adviceFor(state.reason).next)}</p>
          <div class="actions">
            <ToHome kind="main" />
          </div>
        </Frame>
      );
    case "no-code":
      return (
        <Frame {...frame} title={words.noCodeTitle}>
          <p class="lead">{t(words.noCodeLead)}</p>
          <div class="actions">{state.mine ? journey : <ToHome kind="main" />}</div>
        </Frame>
      );
  }
}
