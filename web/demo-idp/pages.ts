// The pages of the demo identity provider: plain HTML, no script.
import { html, type Html } from "../shared/html.ts";

import { DEMO_SECOND_FACTOR, type DemoAccount } from "./accounts.ts";
import type { Language } from "../shared/language.ts";

import { WORDS } from "./words.ts";

/** What both steps of a login show. */
export interface LoginPage {
  language: Language;
  /** Path of this login; forms post to it and below it. */
  path: string;
  /** Host of the service that asked. */
  service: string;
  accounts: readonly DemoAccount[];
  /** The person had signed in before, and must do so again. */
  fresh: boolean;
  wrong: boolean;
  /** As typed before. */
  account?: string;
}

function page(
  state: string,
  language: Language,
  title: string,
  body: Html,
  switchTo: string | undefined,
): string {
  const words = WORDS[language];
  const other = language === "ja" ? "en" : "ja";
  return html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body data-state="${state}">
        <header>
          <p class="brand">${language === "ja" ? "見本大学 認証" : "Mihon University sign-in"}</p>
          ${
            switchTo !== undefined &&
            html`<a href="${switchTo}?lang=${other}" lang="${other}" hreflang="${other}"
              >${words.otherLanguage}</a
            >`
          }
        </header>
        <main>${body}</main>
      </body>
    </html>`.text;
}

/** First step: who it is. */
export function loginPage(view: LoginPage): string {
  const words = WORDS[view.language];
  const invalid = view.wrong && html`aria-invalid="true" aria-describedby="wrong"`;
  return page(
    "idp-login",
    view.language,
    words.title,
    html`
      ${head(view, words.wrongPassword)} ${view.fresh && html`<p>${words.fresh}</p>`}
      <h2 id="pick">${words.pick}</h2>
      <form method="post" action="${view.path}?lang=${view.language}">
        <ul aria-labelledby="pick">
          ${view.accounts.map(
            (account) =>
              html`<li>
                <button name="pick" value="${account.id}">${words.signInAs(account.name, account.id)}</button>
                <p class="hint">${words.passwordIs}<code>${account.password}</code></p>
              </li>`,
          )}
        </ul>
      </form>
      <h2>${words.typed}</h2>
      <form method="post" action="${view.path}?lang=${view.language}">
        <div class="field">
          <label for="account">${words.account}</label>
          <input
            id="account"
            name="account"
            value="${view.account ?? ""}"
            autocomplete="username"
            autocapitalize="none"
            spellcheck="false"
            ${invalid}
          />
        </div>
        <div class="field">
          <label for="password">${words.password}</label>
          <input id="password" name="password" type="password" autocomplete="current-password" ${invalid} />
        </div>
        <button class="main">${words.signIn}</button>
      </form>
      ${cancel(view)}
    `,
    view.path,
  );
}

/** Second step, if a password is not enough for what was asked. */
export function secondFactorPage(view: LoginPage): string {
  const words = WORDS[view.language];
  return page(
    "idp-second-factor",
    view.language,
    words.title,
    html`
      ${head(view, words.wrongSecondFactor)}
      <form method="post" action="${view.path}?lang=${view.language}">
        <div class="field">
          <label for="code">${words.secondFactor}</label>
          <p class="hint" id="code-hint">${words.secondFactorHint(DEMO_SECOND_FACTOR)}</p>
          <input
            id="code"
            name="code"
            inputmode="numeric"
            autocomplete="one-time-code"
            aria-describedby="code-hint${view.wrong ? " wrong" : ""}"
            ${view.wrong && html`aria-invalid="true"`}
          />
        </div>
        <button class="main">${words.signIn}</button>
      </form>
      ${cancel(view)}
    `,
    view.path,
  );
}

function head(view: LoginPage, wrong: string): Html {
  const words = WORDS[view.language];
  return html`
    <h1>${words.title}</h1>
    <p class="note">${words.demo}</p>
    <p>${words.goesTo} <strong>${view.service}</strong></p>
    ${view.wrong && html`<p class="wrong" role="alert" id="wrong">${wrong}</p>`}
  `;
}

function cancel(view: LoginPage): Html {
  return html`<form method="post" action="${view.path}/cancel">
    <button class="plain">${WORDS[view.language].cancel}</button>
  </form>`;
}

export function errorPage(language: Language, error: string): string {
  const words = WORDS[language];
  const body = html`
    <h1>${words.errorTitle}</h1>
    <p>${words.errorText}</p>
    <p class="hint">${error}</p>
  `;
  return page("idp-error", language, words.errorTitle, body, undefined);
}
