// Attacks by pages of others in the victim's own browser: forms, fetches, frames, windows, prefetches.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { APP_RPC, BROWSER_RPC, ENDPOINTS, PAGES } from "../../shared/routes.ts";
import type { Cast } from "../lib/cast.ts";
import { Hands } from "../lib/hands.ts";
import { journey } from "../lib/journey.ts";
import { Neighbour } from "../lib/neighbour.ts";
import type { Person } from "../lib/person.ts";

/** Of another site; of the tier's own site, where SameSite keeps no cookie back. */
const HOSTS = ["evil.localhost", "link.localhost", "evil.link.localhost"];

interface Attacked {
  person: Person;
  hands: Hands;
  neighbour: Neighbour;
  /** A tab of the victim's browser that shows what the neighbour serves. */
  lure: Page;
}

/** A victim who is signed in and has a session; all is as before afterwards. */
async function attacked(
  cast: Cast,
  locale: "ja" | "en",
  play: (all: Attacked) => Promise<void>,
): Promise<void> {
  const person = await cast.person("pc", locale);
  const hands = new Hands(person.page, cast.stage);
  const neighbour = await Neighbour.open(cast.stage);
  try {
    await hands.signIn();
    await hands.open();
    const before = await hands.standing();
    const opened = await cast.stage.musubid.sessionsOpened();
    assert.equal(before.sessionState, "SESSION_STATE_CREATED");
    await play({ person, hands, neighbour, lure: await person.context.newPage() });
    await hands.rest();
    assert.deepEqual(await hands.standing(), before);
    assert.equal(await cast.stage.musubid.sessionsOpened(), opened);
  } finally {
    await neighbour.close();
  }
}

for (const locale of ["ja", "en"] as const) {
  journey(`attack: another site's form posts in the person's name, ${locale}`, async (cast) => {
    const { tier } = cast.stage.origins;
    const title = {
      ja: "ほかのサイトからの操作を止めました",
      en: "Another site tried to act for you, and was stopped",
    }[locale];
    await attacked(cast, locale, async ({ neighbour, lure }) => {
      for (const [index, host] of HOSTS.entries()) {
        const type = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"][index] ?? "";
        const to = [ENDPOINTS.signIn, ENDPOINTS.leave, ENDPOINTS.signOut][index] ?? "";
        // The old trick: one field whose name and value make JSON of a text/plain form.
        const field = `<input name='{"purpose":"LINK","locale":"en","x":"' value='"}'>`;
        const form = `<form method=post action="${tier}${to}" enctype="${type}">${field}<button>x</button></form>`;
        await lure.goto(neighbour.page(host, "/form", form));
        await lure.getByRole("button").click();
        await lure.waitForURL(`${tier}${to}`);
        assert.equal(await lure.locator("h1").first().innerText(), title);
        assert.equal(await lure.locator("a[href='/']").count(), 2);
      }
    });
  });
}

journey("attack: another site's script calls with the person's cookies", async (cast) => {
  const { tier, app } = cast.stage.origins;
  await attacked(cast, "ja", async ({ neighbour, lure }) => {
    const calls = [
      ENDPOINTS.leave,
      ENDPOINTS.signOut,
      ENDPOINTS.signIn,
      `${BROWSER_RPC}/musubi.v1.SessionService/CreateSession`,
      `${BROWSER_RPC}/musubi.v1.LinkService/ListLinks`,
      `${APP_RPC}/musubi.v1.PairingService/ClaimQr`,
    ];
    const reads = [ENDPOINTS.state, ENDPOINTS.config, PAGES.home];
    // The neighbour on the app's own host name is not the app: its port is another.
    for (const host of [...HOSTS, new URL(app).hostname]) {
      await lure.goto(neighbour.page(host, "/script", "script"));
      const answers = await lure.evaluate(
        async ([posts, gets]) => {
          const outcome = async (url: string, init: RequestInit) => {
            try {
              const response = await fetch(url, { credentials: "include", ...init });
              return response.type === "opaque" ? "opaque" : `read ${response.status}`;
            } catch {
              return "refused";
            }
          };
          const found: string[] = [];
          for (const url of posts) {
            for (const type of ["application/json", "text/plain"]) {
              const init = { method: "POST", body: "{}", headers: { "content-type": type } };
              found.push(await outcome(url, init), await outcome(url, { ...init, mode: "no-cors" }));
            }
            navigator.sendBeacon(url, "{}");
          }
          for (const url of gets) found.push(await outcome(url, {}));
          return found;
        },
        [calls.map((path) => tier + path), reads.map((path) => tier + path)] as const,
      );
      for (const answer of answers) assert.ok(["refused", "opaque"].includes(answer), `${host}: ${answer}`);
    }
  });
});

journey("attack: another site shows our pages in a frame, or keeps hold of their window", async (cast) => {
  const { tier } = cast.stage.origins;
  await attacked(cast, "en", async ({ person, neighbour, lure }) => {
    const all = [...Object.values(PAGES), "/nothing", ENDPOINTS.callback, ENDPOINTS.result, ENDPOINTS.state];
    for (const host of HOSTS) {
      const frames = all.flatMap((path) => [
        `<iframe src="${tier}${path}"></iframe>`,
        `<object data="${tier}${path}"></object>`,
        `<iframe sandbox="allow-scripts allow-forms" src="${tier}${path}"></iframe>`,
      ]);
      await lure.goto(neighbour.page(host, "/frame", frames.join("")), { waitUntil: "load" });
      const shown = lure
        .frames()
        .slice(1)
        .map((frame) => frame.url());
      assert.ok(shown.length >= 2 * all.length, host);
      for (const url of shown) assert.ok(!url.startsWith(tier), `${host} has ${url} in a frame`);
    }
    await lure.goto(neighbour.page("evil.localhost", "/window", "window"));
    const opened = person.context.waitForEvent("page");
    await lure.evaluate(`void (globalThis.held = open("${tier}/"))`);
    const window = await opened;
    await window.waitForSelector("body[data-state=home]");
    assert.equal(await window.evaluate("opener === null"), true);
    await window.close();
  });
});

journey("attack: pages and callbacks are fetched ahead", async (cast) => {
  const { tier } = cast.stage.origins;
  const code = `#s=${"A".repeat(22)}.${"A".repeat(43)}`;
  await attacked(cast, "ja", async ({ hands, neighbour, lure }) => {
    // A sign-in that is on its way: the callback's address is known before the browser goes there.
    await hands.page.goto(await hands.beginSignIn("STATUS_UNLINK"));
    const callback = await hands.callback("shiken-001");
    const urls = [
      `${tier}/`,
      `${tier}/start${code}`,
      `${tier}/return${code}`,
      `${tier}/journey`,
      callback,
      `${tier}/result`,
    ];
    const links = urls.map((url) => `<link rel=prefetch href="${url}">`).join("");
    const rules = JSON.stringify({ prefetch: [{ urls }], prerender: [{ urls }] });
    const page = neighbour.page(
      "link.localhost",
      "/ahead",
      `${links}<script type=speculationrules>${rules}</script>`,
    );
    const fetched = new Map<string, number>();
    lure.on("response", (response) => fetched.set(response.url(), response.status()));
    await lure.goto(page, { waitUntil: "networkidle" });
    assert.equal(fetched.get(callback), 503, [...fetched].join("\n"));
    assert.equal(fetched.get(`${tier}/result`), 503);
    assert.equal(fetched.get(`${tier}/start`), 200);
    // Nothing is used up: the person's own way there still leads to where they wanted.
    await hands.page.goto(callback);
    assert.equal(new URL(hands.page.url()).pathname, PAGES.status);
    assert.equal(new URL(hands.page.url()).hash, "");
  });
});
