// Where the stand-in begins in a browser: joins the driver to IndexedDB, the tier, and the screens.
import { createConnectTransport } from "@connectrpc/connect-web";
import { render } from "preact";

import { systemClock } from "../shared/clock.ts";
import { APP_RPC } from "../shared/routes.ts";
import { LocaleProvider } from "../ui/i18n.tsx";
import { browserTimer } from "../ui/timer.ts";
import { App } from "./driver.ts";
import { CurrentScreen } from "./screens/screen.tsx";
import { IndexedDbStorage } from "./storage.ts";

const CALL_DEADLINE_MS = 10_000;

/** What opened the app, taken out of the address bar at once: it is a secret, and good once. */
function takeFragment(): string {
  const fragment = location.hash === "#" ? "" : location.hash;
  if (location.href.includes("#")) history.replaceState(null, "", location.pathname);
  return fragment;
}

async function main(): Promise<void> {
  const fragment = takeFragment();
  const root = document.getElementById("app");
  const origin = document.querySelector<HTMLMetaElement>("meta[name=tier-origin]")?.content;
  if (root === null || origin === undefined) throw new Error("the document is not the app's");
  const connect = {
    baseUrl: `${origin}${APP_RPC}`,
    useBinaryFormat: true,
    // Never a cookie: the app has a credential of its own.
    fetch: (input: RequestInfo | URL, init?: RequestInit) =>
      fetch(input, { ...init, credentials: "omit", referrerPolicy: "no-referrer", redirect: "error" }),
  };
  const app = new App({
    origin,
    transport: createConnectTransport({ ...connect, defaultTimeoutMs: CALL_DEADLINE_MS }),
    streams: createConnectTransport(connect),
    clock: systemClock,
    timer: browserTimer,
    random: (size) => crypto.getRandomValues(new Uint8Array(size)),
    storage: await IndexedDbStorage.open(),
    open: (url) => location.assign(url),
  });
  window.addEventListener("hashchange", () => {
    const opened = takeFragment();
    if (opened !== "") app.openLink(opened);
  });
  window.addEventListener("online", () => app.reconnect());
  window.addEventListener("offline", () => app.disconnected());
  render(
    <LocaleProvider>
      <CurrentScreen app={app} clock={systemClock} timer={browserTimer} />
    </LocaleProvider>,
    root,
  );
  await app.start(fragment);
}

void main();
