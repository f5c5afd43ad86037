// Two devices: the QR code, its time, and the way without it.
import { Button, Countdown, Details, Notice, Waiting, useNow } from "../../ui/components.tsx";
import { useLocale } from "../../ui/i18n.tsx";
import { Qr } from "../../ui/qr.tsx";
import { phrases, words } from "../text/journey.ts";
import { mayChoose } from "./machine.ts";
import type { ScreenProps } from "./page.tsx";

/** From this time before the end, more time is offered (WCAG 2.2, 2.2.1 asks for 20 s at least). */
const OFFER_MORE_TIME_MS = 60_000;

export function QrScreen(props: ScreenProps) {
  const { services, journey, view, send } = props;
  const { t } = useLocale();
  const now = useNow(services.clock, services.timer);
  const { frame } = journey;
  const offerMore =
    frame !== null && frame.pageExpiresAt - now <= OFFER_MORE_TIME_MS && view.qrRefreshesLeft > 0;
  return (
    <div class="qr-beside">
      <div>
        {frame === null ? (
          <Waiting words={words.qrSoon} />
        ) : (
          <>
            <Qr content={`${services.config.app.url}#q=${frame.payload}`} label={t(words.qrLabel)} />
            <Countdown
              label={words.qrLeft}
              until={frame.pageExpiresAt}
              clock={services.clock}
              timer={services.timer}
            />
            {offerMore && (
              <div class="actions">
                <Button busy={journey.work === "refresh"} onPress={() => send({ type: "more-time" })}>
                  {t(words.moreTime)}
                </Button>
              </div>
            )}
          </>
        )}
      </div>
      <div>
        <h2 class="first">{t(words.qrSteps)}</h2>
        <ol>
          <li>{t(words.qrStep1)}</li>
          <li>{t(phrases.qrStep2(services.config.app.name))}</li>
          <li>{t(words.qrStep3)}</li>
        </ol>
        <p class="soft">{t(words.qrMoves)}</p>
        <p class="soft">{t(words.qrPrivate)}</p>
        {mayChoose(journey) && (
          <Details summary={words.qrAltTitle}>
            <p>{t(words.qrAltText)}</p>
            <Button onPress={() => send({ type: "choose", way: "this" })}>{t(words.thisDevice)}</Button>
          </Details>
        )}
      </div>
    </div>
  );
}

export function QrOverScreen(props: ScreenProps) {
  const { journey, view, send } = props;
  const { t } = useLocale();
  const left = view.qrRefreshesLeft;
  return (
    <>
      {left > 0 ? (
        <p>
          {t(words.overText)} {t(phrases.refreshesLeft(left))}
        </p>
      ) : (
        <Notice kind="info">
          <p>{t(words.overNone)}</p>
        </Notice>
      )}
      <div class="actions">
        {left > 0 ? (
          <Button kind="main" busy={journey.work === "refresh"} onPress={() => send({ type: "more-time" })}>
            {t(words.showAgain)}
          </Button>
        ) : (
          <Button
            kind="main"
            busy={journey.work === "begin"}
            onPress={() => send({ type: "begin", way: "other" })}
          >
            {t(words.startAgain)}
          </Button>
        )}
        {mayChoose(journey) && (
          <Button onPress={() => send({ type: "choose", way: "this" })}>{t(words.thisDevice)}</Button>
        )}
      </div>
    </>
  );
}
