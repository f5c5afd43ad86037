// The pages of the demo relying party: plain HTML with the styles of the tier's pages, no script.
import { html, type Html } from "../shared/html.ts";
import type { Language } from "../shared/language.ts";
import { qrOf } from "../ui/qr_path.ts";

import type { LinkView, Refused } from "./recovery.ts";
import { WORDS, type Words } from "./words.ts";

export const PATHS = {
  recovery: "/recovery",
  back: "/recovery/return",
  stepUp: "/recovery/confirm",
  password: "/recovery/password",
  done: "/recovery/done",
  links: "/recovery/links",
  help: "/help",
  policy: "/policy",
  terms: "/terms",
} as const;

export const LEAST_PASSWORD_LENGTH = 12;

/** What each page has around it. */
export interface View {
  language: Language;
  /** Address of this page in the other language; undefined where it cannot be shown again. */
  otherLanguage: string | undefined;
}

function page(view: View, state: string, title: string, body: Html): string {
  const words = WORDS[view.language];
  const other = view.language === "ja" ? "en" : "ja";
  return html`<!doctype html>
    <html lang="${view.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} - ${words.brand}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/styles.css" />
      </head>
      <body data-state="${state}">
        <div class="page">
          <header class="masthead">
            <a class="brand" href="${PATHS.recovery}">${words.brand}</a>
            ${
              view.otherLanguage !== undefined &&
              html`<a href="${view.otherLanguage}" lang="${other}" hreflang="${other}">
                ${words.otherLanguage}
              </a>`
            }
          </header>
          <main>
            <h1>${title}</h1>
            ${body}
          </main>
          <footer class="foot">
            <p class="small soft">${words.demo}</p>
            <p class="small"><a href="${PATHS.help}">${words.help}</a></p>
          </footer>
        </div>
      </body>
    </html>`.text;
}

function problem(text: string | undefined): Html | false {
  if (text === undefined) return false;
  return html`<div class="notice notice-problem" role="alert">
    <div class="notice-body" id="problem">${text}</div>
  </div>`;
}

function list(items: readonly string[], ordered: boolean): Html {
  const rows = items.map((item) => html`<li>${item}</li>`);
  return ordered
    ? html`<ol>
        ${rows}
      </ol>`
    : html`<ul>
        ${rows}
      </ul>`;
}

export function startPage(view: View, address: string): string {
  const words = WORDS[view.language].start;
  const qr = qrOf(address);
  return page(
    view,
    "rp-start",
    words.title,
    html`
      <p class="lead">${words.lead}</p>
      <h2>${words.needs}</h2>
      ${list(words.needsList, false)}
      <h2>${words.steps}</h2>
      ${list(words.stepsList, true)}
      <form method="post" action="${PATHS.recovery}" class="actions">
        <button class="button button-main" data-testid="rp-begin">${words.go}</button>
      </form>
      <div class="sheet">
        <h2>${words.pcTitle}</h2>
        <p>${words.pcText}</p>
        <div class="qr" role="img" aria-label="${words.qr}">
          <svg viewBox="0 0 ${qr.size} ${qr.size}" shape-rendering="crispEdges" aria-hidden="true">
            <path d="${qr.path}" />
          </svg>
        </div>
        <p class="small">${address}</p>
      </div>
    `,
  );
}

export function stepUpPage(view: View, demoCode: string, wrong: number | undefined): string {
  const words = WORDS[view.language].stepUp;
  const bad = wrong !== undefined;
  return page(
    view,
    "rp-step-up",
    words.title,
    html`
      ${problem(bad ? words.wrong(wrong) : undefined)}
      <p>${words.text}</p>
      <p class="soft">${words.demo(demoCode)}</p>
      <form method="post" action="${PATHS.stepUp}">
        <div class="field">
          <label for="code">${words.code}</label>
          <input
            class="input"
            id="code"
            name="code"
            inputmode="numeric"
            autocomplete="one-time-code"
            ${bad && html`aria-invalid="true" aria-describedby="problem"`}
          />
        </div>
        <button class="button button-main">${words.go}</button>
      </form>
    `,
  );
}

export function passwordPage(view: View, account: string, wrong: "SHORT" | "DIFFER" | undefined): string {
  const words = WORDS[view.language].password;
  const described = `rule${wrong === undefined ? "" : " problem"}`;
  const invalid = wrong !== undefined && html`aria-invalid="true"`;
  const told =
    wrong === "SHORT" ? words.short(LEAST_PASSWORD_LENGTH) : wrong === "DIFFER" ? words.differ : undefined;
  return page(
    view,
    "rp-password",
    words.title,
    html`
      ${problem(told)}
      <p>${words.text}</p>
      <dl class="facts">
        <dt>${words.found}</dt>
        <dd data-testid="rp-account">${account}</dd>
      </dl>
      <form method="post" action="${PATHS.password}">
        <div class="field">
          <label for="first">${words.first}</label>
          <p class="hint" id="rule">${words.rule(LEAST_PASSWORD_LENGTH)}</p>
          <input
            class="input"
            id="first"
            name="first"
            type="password"
            autocomplete="new-password"
            aria-describedby="${described}"
            ${invalid}
          />
        </div>
        <div class="field">
          <label for="second">${words.second}</label>
          <input
            class="input"
            id="second"
            name="second"
            type="password"
            autocomplete="new-password"
            ${invalid}
          />
        </div>
        <button class="button button-main">${words.go}</button>
      </form>
    `,
  );
}

export function donePage(view: View): string {
  const words = WORDS[view.language].done;
  return page(
    view,
    "rp-done",
    words.title,
    html`
      <p class="lead">${words.text}</p>
      <p><a href="${PATHS.links}">${words.links}</a></p>
      <p><a href="${PATHS.recovery}">${words.again}</a></p>
    `,
  );
}

export function linksPage(view: View, account: string, { links, events }: LinkView): string {
  const words = WORDS[view.language].links;
  const format = new Intl.DateTimeFormat(view.language, {
    dateStyle: "long",
    timeStyle: "short",
    timeZone: "Asia/Tokyo",
  });
  const when = (date: Date | undefined) => (date === undefined ? "-" : format.format(date));
  return page(
    view,
    "rp-links",
    words.title,
    html`
      <p>${words.lead}</p>
      <dl class="facts">
        <dt>${WORDS[view.language].password.found}</dt>
        <dd>${account}</dd>
      </dl>
      ${links.length === 0 && html`<p>${words.none}</p>`}
      ${links.map(
        (link) =>
          html`<section class="sheet">
            <h2>${words.link(link.id)}</h2>
            <p><strong>${link.active ? words.active : words.ended}</strong></p>
            <dl class="facts">
              <dt>${words.since}</dt>
              <dd>${when(link.createdAt)}</dd>
              ${
                link.endedAt !== undefined &&
                html`<dt>${words.until}</dt>
                  <dd>${when(link.endedAt)}</dd>`
              }
            </dl>
          </section>`,
      )}
      <h2>${words.history}</h2>
      <ul>
        ${events.map((event) => html`<li>${when(event.at)}: ${words.events[event.what]}</li>`)}
      </ul>
      <p><a href="${PATHS.done}">${words.back}</a></p>
    `,
  );
}

export function textPage(view: View, name: keyof Words["page"]): string {
  const { title, text } = WORDS[view.language].page[name];
  return page(view, `rp-${name}`, title, html`${text.map((paragraph) => html`<p>${paragraph}</p>`)}`);
}

/** `retry`: where the same can be tried once more. */
export function refusalPage(view: View, reason: Refused | "NOT_FOUND", retry: string): string {
  const words = WORDS[view.language];
  const { title, text, next } = words.refusals[reason];
  const [href, label] =
    next === "AGAIN"
      ? [PATHS.recovery, words.again]
      : next === "RETRY"
        ? [retry, words.retry]
        : [PATHS.help, words.toHelp];
  return page(
    view,
    `rp-refused-${reason.toLowerCase().replaceAll("_", "-")}`,
    title,
    html`
      <p class="lead">${text}</p>
      <p class="actions"><a class="button button-main" href="${href}">${label}</a></p>
    `,
  );
}
