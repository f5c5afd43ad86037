// What every page of the tier has around it: the service's name, languages, help, "Leave this device".
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { PAGES } from "../shared/routes.ts";
import { Button, Dialog, Notice, OutLink, Page } from "../ui/components.tsx";
import { useLocale } from "../ui/i18n.tsx";
import type { Words } from "../ui/i18n.tsx";
import { problemOf, withRetry } from "../ui/problem.ts";
import type { Problem } from "../ui/problem.ts";
import { adviceFor } from "../ui/reasons.ts";
import type { Services } from "./services.ts";
import { words } from "./text/frame.ts";

/** A page of the tier. Props as those of Page, without what is the same everywhere. */
export function Frame(props: {
  services: Services;
  state: string;
  title: Words;
  focusKey?: string;
  eyebrow?: ComponentChildren;
  wide?: boolean;
  children: ComponentChildren;
}) {
  const { t } = useLocale();
  const { services, children, ...page } = props;
  return (
    <Page
      {...page}
      service={services.config.serviceName}
      homeUrl={PAGES.home}
      footer={
        <div class="foot-row">
          <OutLink href={services.config.helpUrl}>{t(words.help)}</OutLink>
          <Leave services={services} />
        </div>
      }
    >
      {children}
    </Page>
  );
}

/** "Leave this device": asks, then cancels and forgets everything. */
function Leave(props: { services: Services }) {
  const { services } = props;
  const { t } = useLocale();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const leave = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await withRetry(services.timer, () => services.http.leave());
      services.memory.clear();
      services.memory.set("left", true);
      // The document goes too, with whatever it remembers.
      services.go(PAGES.home);
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="quiet" testId="leave" onPress={() => setOpen(true)}>
        {t(words.leave)}
      </Button>
      <Dialog
        open={open}
        title={words.leaveTitle}
        confirm={words.leaveConfirm}
        back={words.goBack}
        busy={busy}
        onBack={() => setOpen(false)}
        onConfirm={() => void leave()}
      >
        <p>{t(words.leaveText)}</p>
        {problem !== null && <ProblemNotice problem={problem} />}
      </Dialog>
    </>
  );
}

/** What the person decided is an outcome, and no problem. */
const DECIDED = new Set(["SIGN_IN_CANCELLED"]);

/** A problem in words: what happened, and what to do. Buttons are the page's. */
export function ProblemNotice(props: {
  problem: { reason: string };
  /** The heading of the page says already what happened. */
  untitled?: boolean;
  children?: ComponentChildren;
}) {
  const { t } = useLocale();
  const { reason } = props.problem;
  const advice = adviceFor(reason);
  return (
    <Notice
      kind={DECIDED.has(reason) ? "info" : "problem"}
      title={props.untitled === true ? undefined : t(advice.title)}
      testId={`problem-${reason}`}
    >
      <p>{t(advice.next)}</p>
      {props.children}
    </Notice>
  );
}
