// The account's own page. Values are read and shown only after a press.
import { PAGES } from "../../shared/routes.ts";
import { Button, LinkButton, Notice, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { Account, Pair, Retry, Side, SignedOut, ToStatus, useFlow } from "../account/parts.tsx";
import { words as shared } from "../account/text.ts";
import { takeError } from "../begin.ts";
import { Frame, ProblemNotice } from "../frame.tsx";
import type { Services } from "../services.ts";
import { startMy } from "./driver.ts";
import { nameOfState } from "./machine.ts";
import type { Event } from "./machine.ts";
import { words } from "./text.ts";

export default function MyPage(props: { services: Services }) {
  const { services } = props;
  const { t, instant } = useLocale();
  const [state, send] = useFlow((locale) => startMy(services, locale, takeError()));
  const press = (event: Event) => () => {
    send(event);
  };
  const frame = { services, state: nameOfState(state), title: words.title };
  switch (state.kind) {
    case "loading":
      return (
        <Frame {...frame}>
          {state.trouble === null ? (
            <Waiting words={shared.loading} />
          ) : (
            <Retry problem={state.trouble} onPress={press({ type: "retry" })} />
          )}
        </Frame>
      );
    case "signed-out":
      return (
        <Frame {...frame}>
          <SignedOut
            state={state}
            lead={words.signedOutLead}
            list={words.signedOutList}
            onSignIn={press({ type: "sign-in" })}
          />
        </Frame>
      );
    case "hidden":
    case "reading":
      return (
        <Frame {...frame} focusKey="hidden">
          <p class="lead">{t(words.hiddenLead)}</p>
          {state.kind === "hidden" && state.trouble !== null && <ProblemNotice problem={state.trouble} />}
          <div class="actions">
            <Button
              kind="main"
              busy={state.kind === "reading"}
              testId="show-information"
              onPress={press({ type: "show" })}
            >
              {t(words.show)}
            </Button>
          </div>
          <p class="soft small">{t(words.noted)}</p>
        </Frame>
      );
    case "shown":
      return (
        <Frame {...frame} wide>
          {state.links.length === 0 && (
            <Notice kind="info" title={t(words.notLinked)}>
              <p>{t(words.notLinkedText)}</p>
            </Notice>
          )}
          <Pair
            label={words.cards}
            tied={state.links.length === 0 ? "apart" : "tied"}
            account={<Account me={state.me} />}
            card={
              state.links.length === 0 ? (
                <Side kind="card" title={shared.card} name={t(words.notLinked)} />
              ) : (
                <div class="sides">
                  {state.links.map((link) => (
                    <Side key={link.id} kind="card" title={shared.card} name={t(words.linked)}>
                      <dl class="facts">
                        <dt>{t(shared.name)}</dt>
                        <dd data-testid="card-name">{link.name ?? t(shared.noName)}</dd>
                        {link.createdAt !== null && (
                          <>
                            <dt>{t(shared.since)}</dt>
                            <dd>{instant(link.createdAt)}</dd>
                          </>
                        )}
                      </dl>
                    </Side>
                  ))}
                </div>
              )
            }
          />
          <div class="actions">
            {state.links.length === 0 ? (
              <LinkButton kind="main" href={PAGES.home}>
                {t(words.linkNow)}
              </LinkButton>
            ) : (
              <ToStatus kind="main" />
            )}
            <Button testId="hide-information" onPress={press({ type: "hide" })}>
              {t(words.hide)}
            </Button>
          </div>
        </Frame>
      );
  }
}
