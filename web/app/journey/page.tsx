// The journey page: draws the machine's state, sends presses. See machine.ts for what follows from what.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { ComponentChildren, ComponentProps } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Act, Flow, Party, SessionState } from "../../gen/musubi/v1/common_pb.ts";
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { ENDPOINTS, PAGES } from "../../shared/routes.ts";
import {
  Button,
  Countdown,
  Details,
  Dialog,
  LinkButton,
  Notice,
  OutLink,
  Steps,
  Waiting,
  useNow,
} from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import type { Locale, Words } from "../../ui/i18n.tsx";
import { useStore } from "../../ui/machine.tsx";
import { problemOf } from "../../ui/problem.ts";
import type { Problem } from "../../ui/problem.ts";
import { adviceFor, adviceForCancel, whoEnded } from "../../ui/reasons.ts";
import { wasDecidedHere } from "../account/request_id.ts";
import { takeError } from "../begin.ts";
import { Frame, ProblemNotice } from "../frame.tsx";
import type { LinkDecision } from "../link/decision.tsx";
import type { Services } from "../services.ts";
import { actName } from "../text/acts.ts";
import { phrases, words } from "../text/journey.ts";
import { browserSurroundings, browserTabs, startJourney } from "./driver.ts";
import type { JourneyDriver } from "./driver.ts";
import { CodeScreen } from "./code_screen.tsx";
import { isLive, mayChoose, screenOf, wayOf } from "./machine.ts";
import type { Event, Journey, Screen } from "./machine.ts";
import { QrOverScreen, QrScreen } from "./qr_screen.tsx";

const SHOW_TIME_LEFT_MS = 5 * 60_000;

export default function JourneyPage(props: { services: Services }) {
  const { services } = props;
  const { locale } = useLocale();
  const newest = useRef<Locale>(locale);
  newest.current = locale;
  const [driver, setDriver] = useState<JourneyDriver | null>(null);
  useEffect(() => {
    const started = startJourney({
      services,
      tabs: browserTabs(),
      surroundings: browserSurroundings(),
      locale: () => newest.current,
      error: takeError(),
    });
    setDriver(started);
    return () => started.stop();
  }, [services]);
  if (driver === null) {
    return (
      <Frame services={services} state="journey-loading" title={words.loading}>
        <Waiting words={words.loading} />
      </Frame>
    );
  }
  return <Drawn services={services} driver={driver} />;
}

/** What each screen gets. */
export interface ScreenProps {
  services: Services;
  journey: Journey;
  view: SessionView;
  send: (event: Event) => void;
}

function Drawn(props: { services: Services; driver: JourneyDriver }) {
  const { services, driver } = props;
  const journey = useStore(driver.store);
  const { t } = useLocale();
  const send = (event: Event) => driver.store.send(event);
  const screen = screenOf(journey);
  const { view } = journey;
  const live = journey.at === "here" && view !== null && isLive(view);
  if (
    view !== null &&
    (screen === "journey-decide" || (screen === "journey-used" && wasDecidedHere(services, view)))
  ) {
    return <Decision services={services} session={view} above={<Line journey={journey} send={send} />} />;
  }
  return (
    <Frame
      services={services}
      state={screen}
      title={titleOf(screen, journey, services)}
      eyebrow={view === null ? undefined : t(actName(view.act))}
      wide={screen === "pc-qr"}
    >
      {live && <Line journey={journey} send={send} />}
      {live && <TimeLeft services={services} view={view} />}
      {journey.problem !== null && screen !== "journey-none" && screen !== "journey-unreachable" && (
        <ProblemNotice problem={journey.problem} />
      )}
      {live && journey.alarm === "shown" && <Alarm journey={journey} send={send} />}
      {view === null || journey.at !== "here" ? (
        <Apart screen={screen} journey={journey} send={send} />
      ) : (
        <Here screen={screen} services={services} journey={journey} view={view} send={send} />
      )}
      {live && screen !== "journey-completing" && screen !== "journey-result" && (
        <StopRow journey={journey} send={send} />
      )}
    </Frame>
  );
}

/** A page of its own, whose script is fetched when the card is proven. */
function Decision(props: ComponentProps<typeof LinkDecision>) {
  const { t } = useLocale();
  const [loaded, setLoaded] = useState<{ page: typeof LinkDecision } | { problem: Problem } | null>(null);
  useEffect(() => {
    void import("../link/decision.tsx").then(
      (module) => setLoaded({ page: module.LinkDecision }),
      (error: unknown) => setLoaded({ problem: problemOf(error) }),
    );
  }, []);
  if (loaded !== null && "page" in loaded) {
    const Page = loaded.page;
    return <Page {...props} />;
  }
  return (
    <Frame services={props.services} state="journey-completing" title={words.completingTitle}>
      {loaded === null ? (
        <Waiting words={words.completing} />
      ) : (
        <>
          <ProblemNotice problem={loaded.problem} />
          <div class="actions">
            <LinkButton kind="main" href={PAGES.journey}>
              {t(words.again)}
            </LinkButton>
          </div>
        </>
      )}
    </Frame>
  );
}

function titleOf(screen: Screen, journey: Journey, services: Services): Words {
  const { view } = journey;
  switch (screen) {
    case "journey-loading":
      return words.loading;
    case "journey-none":
      return journey.problem === null ? words.noneTitle : adviceFor(journey.problem.reason).title;
    case "journey-unreachable":
      return words.unreachableTitle;
    case "journey-older-tab":
      return words.olderTitle;
    case "journey-replaced":
      return words.replacedTitle;
    case "pc-qr":
      return words.qrTitle;
    case "pc-qr-over":
      return words.overTitle;
    case "pc-code":
      return words.codeTitle;
    case "pc-progress":
      return words.progressTitle;
    case "phone-open":
      return phrases.openTitle(services.config.app.name);
    case "phone-waiting":
    case "phone-progress":
      return words.waitingTitle;
    case "phone-return":
      return words.returnTitle;
    case "journey-resume":
      return view?.act === Act.VERIFY ? words.resumeVerifyTitle : words.resumeTitle;
    case "journey-completing":
      return words.completingTitle;
    case "journey-decide":
      return words.completingTitle;
    case "journey-result":
      return words.resultTitle;
    case "journey-used":
      return words.usedTitle;
    case "journey-cancelled":
      return view?.end === undefined ? words.stopTitle : adviceForCancel(view.end.reason).title;
    case "journey-expired":
      return words.expiredTitle;
    case "journey-failed":
      return words.failedTitle;
  }
}

/** The line to the tier is broken: said, and one press tries at once. */
function Line(props: { journey: Journey; send: (event: Event) => void }) {
  const { journey, send } = props;
  const { t } = useLocale();
  if (!journey.offline && !journey.down) return null;
  return (
    <Notice
      kind="warning"
      testId="line-down"
      title={t(journey.offline ? words.offlineTitle : words.downTitle)}
    >
      <p>{t(words.downText)}</p>
      <Button onPress={() => send({ type: "online" })}>{t(words.reconnect)}</Button>
    </Notice>
  );
}

/** The end of the whole journey, once it is near: before that it would only worry people. */
function TimeLeft(props: { services: Services; view: SessionView }) {
  const { services, view } = props;
  const { clock, timer } = services;
  const now = useNow(clock, timer);
  if (view.expiresAt === undefined) return null;
  const end = timestampMs(view.expiresAt);
  if (end - now > SHOW_TIME_LEFT_MS) return null;
  return <Countdown label={words.sessionLeft} until={end} clock={clock} timer={timer} />;
}

function Alarm(props: { journey: Journey; send: (event: Event) => void }) {
  const { journey, send } = props;
  const { t } = useLocale();
  return (
    <Notice kind="warning" testId="second-phone" title={t(words.alarmTitle)}>
      <p>{t(words.alarmText)}</p>
      <div class="actions">
        <Button onPress={() => send({ type: "carry-on" })}>{t(words.carryOn)}</Button>
        <Button
          kind="danger"
          busy={journey.work === "refresh" || journey.work === "stop"}
          onPress={() => send({ type: "not-mine" })}
        >
          {t(words.notMine)}
        </Button>
      </div>
    </Notice>
  );
}

/** "Stop?" on every screen of a living journey; going back keeps everything. */
function StopRow(props: { journey: Journey; send: (event: Event) => void }) {
  const { journey, send } = props;
  const { t } = useLocale();
  const [open, setOpen] = useState(false);
  return (
    <div class="actions actions-end">
      <Button kind="quiet" testId="stop" onPress={() => setOpen(true)}>
        {t(words.stop)}
      </Button>
      <Dialog
        open={open}
        title={words.stopTitle}
        confirm={words.stopConfirm}
        back={words.goBack}
        busy={journey.work === "stop"}
        onBack={() => setOpen(false)}
        onConfirm={() => {
          setOpen(false);
          send({ type: "stop" });
        }}
      >
        <p>{t(words.stopText)}</p>
      </Dialog>
    </div>
  );
}

/** Screens of a tab that has no session to show. */
function Apart(props: { screen: Screen; journey: Journey; send: (event: Event) => void }) {
  const { screen, journey, send } = props;
  const { t } = useLocale();
  switch (screen) {
    case "journey-none":
      return (
        <>
          {journey.problem === null ? (
            <p>{t(words.noneText)}</p>
          ) : (
            <ProblemNotice problem={journey.problem} />
          )}
          <div class="actions">
            {journey.press !== null && (
              <Button
                kind="main"
                busy={journey.work === "begin"}
                onPress={() => send({ type: "begin", way: journey.press?.way ?? "other" })}
              >
                {t(words.signIn)}
              </Button>
            )}
            <LinkButton kind={journey.press === null ? "main" : "plain"} href={PAGES.home}>
              {t(words.toHome)}
            </LinkButton>
          </div>
        </>
      );
    case "journey-unreachable":
      return (
        <>
          {journey.problem !== null && <ProblemNotice problem={journey.problem} />}
          <div class="actions">
            <Button kind="main" onPress={() => send({ type: "again" })}>
              {t(words.again)}
            </Button>
          </div>
        </>
      );
    case "journey-older-tab":
    case "journey-replaced": {
      const older = screen === "journey-older-tab";
      return (
        <>
          <p>{t(older ? words.olderText : words.replacedText)}</p>
          <div class="actions">
            <Button kind="main" onPress={() => send({ type: "use-this-tab" })}>
              {t(older ? words.useThisTab : words.useNewOne)}
            </Button>
          </div>
        </>
      );
    }
    default:
      return <Waiting words={words.loading} />;
  }
}

/** Screens of a session. */
function Here(props: ScreenProps & { screen: Screen }) {
  const { screen, journey, view, send } = props;
  const { t } = useLocale();
  switch (screen) {
    case "pc-qr":
      return <QrScreen {...props} />;
    case "pc-qr-over":
      return <QrOverScreen {...props} />;
    case "pc-code":
      return <CodeScreen {...props} />;
    case "pc-progress":
      return (
        <>
          <Progress view={view} before={[words.stepScan, words.stepCode]} after={words.stepBackPc} />
          <p class="soft">{t(words.progressKeep)}</p>
        </>
      );
    case "phone-open":
    case "phone-waiting":
      return <OpenScreen {...props} />;
    case "phone-progress":
      return (
        <>
          <Progress view={view} before={[words.stepApp]} after={words.stepBack} />
          <p class="soft">{t(words.waitingText)}</p>
        </>
      );
    case "phone-return":
      return <Waiting words={words.returnText} />;
    case "journey-resume":
      return <Resume journey={journey} view={view} send={send} />;
    case "journey-completing":
      return journey.problem === null ? (
        <Waiting words={words.completing} />
      ) : (
        <div class="actions">
          <Button kind="main" onPress={() => send({ type: "again" })}>
            {t(words.again)}
          </Button>
        </div>
      );
    case "journey-result":
      return (
        <>
          <p>{t(words.resultText)}</p>
          <div class="actions">
            <LinkButton kind="main" href={ENDPOINTS.result}>
              {t(words.toService)}
            </LinkButton>
          </div>
        </>
      );
    default:
      return <Ended {...props} />;
  }
}

/** Where the phone is, as steps and in a sentence that is read out when it changes. */
function Progress(props: { view: SessionView; before: Words[]; after: Words }) {
  const { view, before, after } = props;
  const { t } = useLocale();
  const consent = view.state === SessionState.PROVEN;
  return (
    <>
      <p class="lead" role="status">
        {t(consent ? words.nowConsent : words.nowCard)}
        {!consent && view.proofTriesLeft < 3 && <> {t(phrases.proofsLeft(view.proofTriesLeft))}</>}
      </p>
      <div class="sheet">
        <Steps
          label={words.stepsLabel}
          steps={[...before, words.stepCard, words.stepConsent, after]}
          current={before.length + (consent ? 1 : 0)}
        />
      </div>
    </>
  );
}

/** One device: the app is opened by a press; then this page waits, and helps if nothing happened. */
function OpenScreen(props: ScreenProps) {
  const { services, journey, send } = props;
  const { t } = useLocale();
  const { app } = services.config;
  const opened = journey.appOpened;
  const open = (
    <Button kind="main" busy={journey.work === "handoff"} onPress={() => send({ type: "open-app" })}>
      {t(opened ? phrases.openAgain(app.name) : phrases.openApp(app.name))}
    </Button>
  );
  const committed = props.view.flow === Flow.ONE_DEVICE;
  return (
    <>
      {opened ? (
        <Waiting words={words.waitingText} />
      ) : (
        <>
          <p class="lead">{t(words.openText)}</p>
          <p>{t(words.openReady)}</p>
        </>
      )}
      <div class="actions">{open}</div>
      <Details summary={words.notOpened} open={opened}>
        <p>{t(words.notInstalled)}</p>
        <AppStores services={services} />
        <p>{t(words.notSetUp)}</p>
      </Details>
      {mayChoose(journey) && (
        <div class="actions">
          <Button onPress={() => send({ type: "choose", way: "other" })}>{t(words.otherDevice)}</Button>
        </div>
      )}
      {committed && props.view.act !== Act.VERIFY && (
        <Details summary={words.otherDevice}>
          <p>{t(words.otherNeedsNew)}</p>
          <Button busy={journey.work === "begin"} onPress={() => send({ type: "begin", way: "other" })}>
            {t(words.beginOther)}
          </Button>
        </Details>
      )}
    </>
  );
}

function AppStores(props: { services: Services }) {
  const { t } = useLocale();
  const { app } = props.services.config;
  return (
    <ul>
      <li>
        <OutLink href={app.iosUrl}>{t(words.iosStore)}</OutLink>
      </li>
      <li>
        <OutLink href={app.androidUrl}>{t(words.androidStore)}</OutLink>
      </li>
    </ul>
  );
}

function Resume(props: { journey: Journey; view: SessionView; send: (event: Event) => void }) {
  const { journey, view, send } = props;
  const { t } = useLocale();
  const verify = view.act === Act.VERIFY;
  return (
    <>
      <p>{t(verify ? words.resumeVerifyText : words.resumeText)}</p>
      <div class="actions">
        <Button
          kind="main"
          busy={journey.work === "sign-in"}
          onPress={() => send({ type: verify ? "i-am-here" : "sign-in" })}
        >
          {t(verify ? words.goOn : words.signIn)}
        </Button>
      </div>
    </>
  );
}

/** Journeys that are over: what happened, and one press that goes on. */
function Ended(props: ScreenProps) {
  const { services, journey, view, send } = props;
  const { t } = useLocale();
  if (view.state === SessionState.USED) {
    return (
      <>
        <Notice kind="good">
          <p>{t(words.usedText)}</p>
        </Notice>
        <div class="actions">
          {view.act === Act.VERIFY ? (
            <ToService services={services} />
          ) : (
            <LinkButton kind="main" href={PAGES.status}>
              {t(words.toStatus)}
            </LinkButton>
          )}
        </div>
      </>
    );
  }
  return (
    <>
      {endNotice(view, t)}
      <div class="actions">
        {view.act === Act.VERIFY ? (
          <ToService services={services} />
        ) : (
          <Button
            kind="main"
            busy={journey.work === "begin"}
            onPress={() => send({ type: "begin", way: wayOf(journey) })}
          >
            {t(words.startAgain)}
          </Button>
        )}
        <LinkButton href={PAGES.home}>{t(words.toHome)}</LinkButton>
      </div>
    </>
  );
}

function endNotice(view: SessionView, t: (words: Words) => string): ComponentChildren {
  const end = view.end;
  if (view.state === SessionState.CANCELLED && end !== undefined) {
    return (
      <Notice kind="info">
        <p>{t(whoEnded(end.by === Party.UNSPECIFIED ? Party.BROWSER : end.by))}</p>
        <p>{t(adviceForCancel(end.reason).next)}</p>
      </Notice>
    );
  }
  if (view.state === SessionState.FAILED) {
    return (
      <Notice kind="problem">
        <p>{t(view.codeTriesLeft === 0 ? words.failedCode : words.failedCard)}</p>
      </Notice>
    );
  }
  return (
    <Notice kind="info">
      <p>
        {t(view.state === SessionState.EXPIRED ? words.expiredText : adviceFor("SESSION_NOT_FOUND").next)}
      </p>
    </Notice>
  );
}

function ToService(props: { services: Services }) {
  const { t } = useLocale();
  return (
    <LinkButton kind="main" href={props.services.config.recoveryUrl}>
      {t(words.toService)}
    </LinkButton>
  );
}
