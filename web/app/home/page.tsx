// The first page: what will happen, what is needed, and the two buttons that begin. GET makes nothing.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BrowserState } from "../../shared/page.ts";
import { PAGES } from "../../shared/routes.ts";
import { Button, Details, LinkButton, Notice, OutLink } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { problemOf } from "../../ui/problem.ts";
import { begin, takeError } from "../begin.ts";
import { guessWay, readDevice } from "../device.ts";
import { Frame, ProblemNotice } from "../frame.tsx";
import type { Way } from "../memory.ts";
import type { Services } from "../services.ts";
import { phrases, words } from "../text/home.ts";

export default function HomePage(props: { services: Services }) {
  const { services } = props;
  const { t, locale } = useLocale();
  const [browser, setBrowser] = useState<BrowserState | null>(null);
  const [problem, setProblem] = useState<{ reason: string } | null>(null);
  const [busy, setBusy] = useState<Way | null>(null);
  const [left, setLeft] = useState(false);
  const [first] = useState(() => guessWay(readDevice()));

  useEffect(() => {
    const error = takeError();
    if (error !== null) setProblem({ reason: error });
    if (services.memory.get("left") !== null) {
      services.memory.remove("left");
      setLeft(true);
    }
    void services.http.state().then(
      (state) => {
        setBrowser(state);
        // Back from a sign-in that a press of this page began: the journey page goes on with it.
        if (error === null && services.memory.get("begin") !== null && state.signedIn !== null) {
          services.navigate(PAGES.journey);
        }
      },
      () => {
        // Only comfort is lost: the buttons ask again, and say what is wrong.
      },
    );
  }, [services]);

  const start = async (way: Way) => {
    if (busy !== null) return;
    setBusy(way);
    setProblem(null);
    try {
      if ((await begin(services, "LINK", way, locale)) === "begun") services.navigate(PAGES.journey);
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(null);
    }
  };

  const { app } = services.config;
  const canLink = services.config.acts.includes("LINK");
  const accountFirst = services.config.firstStep === "ACCOUNT";
  const order: Way[] = first === "this" ? ["this", "other"] : ["other", "this"];
  return (
    <Frame services={services} state="home" title={words.title}>
      {left && (
        <Notice kind="good" title={t(words.leftTitle)} testId="left">
          <p>{t(words.leftText)}</p>
        </Notice>
      )}
      {browser?.session != null && (
        <Notice kind="info" title={t(words.resumeTitle)}>
          <div class="actions">
            <LinkButton href={PAGES.journey}>{t(words.resumeButton)}</LinkButton>
          </div>
        </Notice>
      )}
      {problem !== null && <ProblemNotice problem={problem} />}
      <p class="lead">{t(words.lead)}</p>
      <p class="soft">{t(words.short)}</p>

      {canLink && (
        <section aria-labelledby="begin">
          <h2 id="begin">{t(words.beginTitle)}</h2>
          <div class="choices">
            {order.map((way, index) => (
              <Choice
                key={way}
                way={way}
                first={index === 0}
                busy={busy === way}
                onPress={() => void start(way)}
              />
            ))}
          </div>
          {first === "other" && <p class="soft small">{t(words.onePhoneTip)}</p>}
          <p class="soft small">
            {browser?.signedIn != null && <>{t(phrases.signedInAs(browser.signedIn.accountName))} </>}
            {browser?.signedIn == null && t(accountFirst ? words.thenSignIn : words.thenCard)}
          </p>
        </section>
      )}

      <section aria-labelledby="need">
        <h2 id="need">{t(words.needTitle)}</h2>
        <ul class="checklist sheet">
          <Need title={t(words.needCard)} />
          <Need title={t(words.needPins)}>{t(words.needPinsText)}</Need>
          <Need title={t(phrases.needPhone(app))}>
            {t(phrases.needPhoneText)} <OutLink href={app.phonesUrl}>{t(words.phones)}</OutLink>
          </Need>
          <Need title={t(phrases.needApp(app))}>
            {t(phrases.needAppText)} <OutLink href={app.iosUrl}>{t(phrases.forIos)}</OutLink>{" "}
            <OutLink href={app.androidUrl}>{t(phrases.forAndroid)}</OutLink>
          </Need>
          <Need title={t(words.needPhoneCard)} not>
            {t(words.needPhoneCardText)}
          </Need>
        </ul>
      </section>

      <section aria-labelledby="how">
        <h2 id="how">{t(words.howTitle)}</h2>
        <ol>
          {accountFirst && <li>{t(words.stepSignIn)}</li>}
          <li>{t(phrases.stepApp(app))}</li>
          {!accountFirst && <li>{t(words.stepSignIn)}</li>}
          <li>{t(words.stepDecide)}</li>
        </ol>
        <Details summary={words.givenTitle}>
          <p>{t(words.givenText)}</p>
        </Details>
      </section>

      <section aria-labelledby="already">
        <h2 id="already">{t(words.alreadyTitle)}</h2>
        <p>{t(words.alreadyText)}</p>
        <LinkButton href={PAGES.status}>{t(words.statusButton)}</LinkButton>
      </section>
    </Frame>
  );
}

/** One of the two ways. The first is the one that fits the device; the other is as easy to press. */
function Choice(props: { way: Way; first: boolean; busy: boolean; onPress: () => void }) {
  const { t } = useLocale();
  const here = props.way === "this";
  return (
    <div class={props.first ? "choice choice-first" : "choice"}>
      {here && props.first && <span class="tag">{t(words.recommended)}</span>}
      <h3>{t(here ? words.thisPhone : words.otherPhone)}</h3>
      <p>{t(here ? words.thisPhoneText : words.otherPhoneText)}</p>
      <Button
        kind={props.first ? "main" : "plain"}
        busy={props.busy}
        onPress={props.onPress}
        testId={`begin-${props.way}`}
      >
        {t(here ? words.thisPhoneButton : words.otherPhoneButton)}
      </Button>
    </div>
  );
}

function Need(props: { title: string; not?: boolean; children?: ComponentChildren }) {
  return (
    <li class={props.not === true ? "not-this" : undefined}>
      <strong>{props.title}</strong>
      {props.children !== undefined && <p class="soft small">{props.children}</p>}
    </li>
  );
}
