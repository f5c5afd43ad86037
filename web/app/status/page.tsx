// The page of the person's links: what is linked, since when, from where, what happened, and how to end it.
import type { ComponentChildren } from "preact";
import { PAGES } from "../../shared/routes.ts";
import { Button, Details, Dialog, LinkButton, Notice, Waiting } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { Account, BeginButton, Pair, Retry, Side, SignedOut, useFlow } from "../account/parts.tsx";
import type { CardEvent, CardLink } from "../account/links.ts";
import { words as shared } from "../account/text.ts";
import { takeError } from "../begin.ts";
import { Frame, ProblemNotice } from "../frame.tsx";
import type { Services } from "../services.ts";
import { startStatus } from "./driver.ts";
import { download, exportName, exportOf } from "./export.ts";
import { inOrder, lastUse, nameOfState, origin } from "./machine.ts";
import type { Event, Shown } from "./machine.ts";
import { words } from "./text.ts";

interface Drawn {
  services: Services;
  state: Shown;
  send: (event: Event) => void;
}

export default function StatusPage(props: { services: Services }) {
  const { services } = props;
  const [state, send] = useFlow((locale) => startStatus(services, locale, takeError()));
  const frame = { services, state: nameOfState(state), title: words.title };
  switch (state.kind) {
    case "loading":
      return (
        <Frame {...frame}>
          {state.trouble === null ? (
            <Waiting words={words.reading} />
          ) : (
            <Retry
              problem={state.trouble}
              onPress={() => {
                send({ type: "retry" });
              }}
            />
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
            onSignIn={() => {
              send({ type: "sign-in" });
            }}
          />
        </Frame>
      );
    case "shown":
      return (
        // A dialog, a name or more of a list takes the focus from nobody.
        <Frame {...frame} wide focusKey={`shown ${state.endedHere ?? ""}`}>
          <Links services={services} state={state} send={send} />
          <History services={services} state={state} send={send} />
          <Unlink state={state} send={send} />
        </Frame>
      );
  }
}

function Links({ services, state, send }: Drawn) {
  const { t } = useLocale();
  const { links, me } = state;
  const ordered = inOrder(links.items);
  const active = ordered.filter((link) => link.active);
  const ended = ordered.filter((link) => !link.active);
  const press = (event: Event) => () => {
    send(event);
  };
  if (links.items.length === 0 && links.loading) {
    return (
      <>
        <Account me={me} />
        <Waiting words={words.reading} />
      </>
    );
  }
  if (links.items.length === 0 && links.trouble !== null) {
    return <Retry problem={links.trouble} onPress={press({ type: "more-links" })} />;
  }
  const headline =
    active.length === 0 ? words.none : active.length === 1 ? words.linked : words.linkedMany(active.length);
  return (
    <>
      {state.endedHere !== null && (
        <Notice kind="good" title={t(words.unlinkedHere)} testId="unlinked">
          <p>{t(words.unlinkedHereText)}</p>
        </Notice>
      )}
      <p class={active.length === 0 ? "headline" : "headline headline-good"}>{t(headline)}</p>
      <Pair
        label={words.title}
        tied={active.length === 0 ? "apart" : "tied"}
        account={<Account me={me} />}
        card={
          active.length === 0 ? (
            <Side kind="card" title={shared.card} name={t(words.none)} />
          ) : (
            <div class="sides">
              {active.map((link) => (
                <LinkSide key={link.id} link={link} state={state} send={send} many={active.length > 1} />
              ))}
            </div>
          )
        }
      />
      {active.length === 0 && services.config.acts.includes("LINK") && (
        <>
          <p>{t(words.noneText)}</p>
          <div class="actions">
            <LinkButton kind="main" href={PAGES.home}>
              {t(words.linkNow)}
            </LinkButton>
          </div>
        </>
      )}
      {active.length !== 1 && <Name state={state} send={send} />}
      {active.length > 0 && (
        <Changes services={services} link={active.length === 1 ? active[0] : undefined} send={send} />
      )}
      {ended.length > 0 && (
        <Details summary={words.earlier}>
          {ended.map((link) => (
            <div class="sheet" key={link.id}>
              <LinkFacts link={link} state={state} />
            </div>
          ))}
        </Details>
      )}
      {links.trouble !== null && <ProblemNotice problem={links.trouble} />}
      {(links.next !== null || links.trouble !== null) && (
        <div class="actions">
          <Button busy={links.loading} onPress={press({ type: "more-links" })}>
            {t(words.moreLinks)}
          </Button>
        </div>
      )}
    </>
  );
}

function LinkSide(props: { link: CardLink; state: Shown; send: (event: Event) => void; many: boolean }) {
  const { link, state, send } = props;
  const { t } = useLocale();
  return (
    <Side kind="card" title={shared.card} name={t(words.active)}>
      <LinkFacts link={link} state={state} />
      {props.many ? (
        <UnlinkHere link={link} send={send}>
          {t(words.unlinkHere)}
        </UnlinkHere>
      ) : (
        <Name state={state} send={send} />
      )}
    </Side>
  );
}

function LinkFacts(props: { link: CardLink; state: Shown }) {
  const { link, state } = props;
  const { t, instant } = useLocale();
  const { events } = state;
  const made = origin(link, events.items);
  const used = lastUse(link, events.items);
  const all = !events.loading && events.next === null && events.trouble === null;
  return (
    <dl class="facts">
      {link.createdAt !== null && <Fact of={t(shared.since)}>{instant(link.createdAt)}</Fact>}
      {made?.flow != null ? (
        <Fact of={t(words.from)}>{t(words.flow[made.flow])}</Fact>
      ) : (
        events.next !== null && <Fact of={t(words.from)}>{t(words.fromUnknown)}</Fact>
      )}
      {used !== null ? (
        <Fact of={t(words.lastUse)}>{instant(used)}</Fact>
      ) : (
        all && link.active && <Fact of={t(words.lastUse)}>{t(words.neverUsed)}</Fact>
      )}
      {link.endedAt !== null && <Fact of={t(words.endedAt)}>{instant(link.endedAt)}</Fact>}
      {link.endReason !== null && <Fact of={t(words.endReason)}>{t(words.end[link.endReason])}</Fact>}
      <Fact of={t(shared.name)}>
        <span data-testid="card-name">
          {state.names.step === "shown" ? (link.name ?? t(shared.noName)) : t(words.notShown)}
        </span>
      </Fact>
    </dl>
  );
}

function Fact(props: { of: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{props.of}</dt>
      <dd>{props.children}</dd>
    </>
  );
}

function Name({ state, send }: Omit<Drawn, "services">) {
  const { t } = useLocale();
  const { names } = state;
  if (state.links.items.length === 0) return null;
  return (
    <>
      {names.step === "failed" && <ProblemNotice problem={names.trouble} />}
      <div class="actions">
        {names.step === "shown" ? (
          <Button
            testId="hide-name"
            onPress={() => {
              send({ type: "hide-names" });
            }}
          >
            {t(words.hideName)}
          </Button>
        ) : (
          <Button
            testId="show-name"
            busy={names.step === "loading"}
            onPress={() => {
              send({ type: "show-names" });
            }}
          >
            {t(words.showName)}
          </Button>
        )}
      </div>
      <p class="soft small">{t(words.showNameHint)}</p>
    </>
  );
}

function UnlinkHere(props: { link: CardLink; send: (event: Event) => void; children: ComponentChildren }) {
  return (
    <Button
      kind="danger"
      testId="unlink-here"
      onPress={() => {
        props.send({ type: "unlink", linkId: props.link.id });
      }}
    >
      {props.children}
    </Button>
  );
}

/** `link`: the only active one; without it, each has its own button. */
function Changes(props: { services: Services; link: CardLink | undefined; send: (event: Event) => void }) {
  const { services, link, send } = props;
  const { t } = useLocale();
  const { acts } = services.config;
  return (
    <section>
      <h2>{t(words.changes)}</h2>
      <p>{t(words.changesText)}</p>
      <div class="actions">
        {acts.includes("REPLACE") && (
          <BeginButton services={services} act="REPLACE" testId="replace">
            {t(words.replace)}
          </BeginButton>
        )}
        {acts.includes("UNLINK") && (
          <BeginButton services={services} act="UNLINK" testId="unlink-with-card">
            {t(words.unlinkWithCard)}
          </BeginButton>
        )}
        {link !== undefined && (
          <UnlinkHere link={link} send={send}>
            {t(words.unlinkHere)}
          </UnlinkHere>
        )}
      </div>
    </section>
  );
}

function History({ services, state, send }: Drawn) {
  const { t } = useLocale();
  const { events, links } = state;
  const more = () => {
    send({ type: "more-events" });
  };
  return (
    <section>
      <h2>{t(words.history)}</h2>
      {events.items.length > 0 && <p>{t(words.historyText)}</p>}
      {events.items.length === 0 && !events.loading && events.trouble === null && (
        <p class="soft">{t(words.historyNone)}</p>
      )}
      <ol class="history">
        {events.items.map((event) => (
          <HistoryItem key={event.sequence} event={event} links={links.items} />
        ))}
      </ol>
      {events.trouble !== null && <ProblemNotice problem={events.trouble} />}
      {events.items.length === 0 && events.loading && <Waiting words={shared.loading} />}
      {(events.next !== null || events.trouble !== null) && (
        <div class="actions">
          <Button busy={events.loading} testId="more-events" onPress={more}>
            {t(events.trouble === null ? words.more : shared.again)}
          </Button>
        </div>
      )}
      {(links.items.length > 0 || events.items.length > 0) && (
        <div class="actions actions-end">
          <Button
            testId="export"
            describedBy="export-hint"
            onPress={() => {
              const now = services.clock.now();
              download(exportName(now), exportOf(state, now));
            }}
          >
            {t(words.export)}
          </Button>
          <span class="soft small" id="export-hint">
            {t(words.exportHint)}
          </span>
        </div>
      )}
    </section>
  );
}

function HistoryItem(props: { event: CardEvent; links: CardLink[] }) {
  const { event, links } = props;
  const { t, instant } = useLocale();
  const link = links.length > 1 ? links.find((other) => other.id === event.linkId) : undefined;
  const details = [
    ...(event.endReason === null ? [] : [t(words.end[event.endReason])]),
    // What the journey was for is said by what happened, except for this.
    ...(event.type === "CREATED" && event.act === "REPLACE" ? [t(words.byReplacing)] : []),
    ...(event.flow === null ? [] : [t(words.flow[event.flow])]),
    ...(link?.createdAt == null ? [] : [t(words.ofCard(instant(link.createdAt)))]),
  ];
  return (
    <li>
      <span class="history-what">
        {t(event.type === null ? words.eventUnknown : words.event[event.type])}
      </span>
      {event.at !== null && (
        <time class="history-when" dateTime={new Date(event.at).toISOString()}>
          {instant(event.at)}
        </time>
      )}
      {details.length > 0 && <span class="history-how">{details.join(" · ")}</span>}
    </li>
  );
}

/** What it means, asked before a link is ended without its card; or the sign-in that this needs. */
function Unlink({ state, send }: Omit<Drawn, "services">) {
  const { t, instant } = useLocale();
  const { ending } = state;
  const back = () => {
    send({ type: "unlink-no" });
  };
  if (ending.step === "sign-in") {
    return (
      <Dialog
        open
        title={words.signInTitle}
        confirm={shared.signInAgain}
        back={shared.unlinkNo}
        kind="main"
        busy={ending.pressed}
        onBack={back}
        onConfirm={() => {
          send({ type: "sign-in" });
        }}
      >
        <p>{t(words.signInText)}</p>
        {ending.trouble !== null && <ProblemNotice problem={ending.trouble} />}
      </Dialog>
    );
  }
  const link =
    ending.step === "none" ? undefined : state.links.items.find((other) => other.id === ending.linkId);
  return (
    <Dialog
      open={ending.step !== "none"}
      title={shared.unlinkTitle}
      confirm={shared.unlink}
      back={shared.unlinkNo}
      busy={ending.step === "working"}
      onBack={back}
      onConfirm={() => {
        send({ type: "unlink-yes" });
      }}
    >
      {link?.createdAt != null && (
        <p>
          <strong>{t(words.unlinkSince(instant(link.createdAt)))}</strong>
        </p>
      )}
      <p>
        {t(words.unlinkNow)} {t(shared.unlinkMeaning1)}
      </p>
      <p>{t(shared.unlinkMeaning2)}</p>
      {ending.step === "asked" && ending.trouble !== null && <ProblemNotice problem={ending.trouble} />}
    </Dialog>
  );
}
