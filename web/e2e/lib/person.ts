// A person at a device: what they see, press and type. A state of a page is reached when its body says
// so. The first time that one is met, it is looked at in both languages: by axe, in a narrow window, and for
// its picture.
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Gallery } from "./gallery.ts";
import { type Sent, Traffic } from "./traffic.ts";

export type Locale = "ja" | "en";
export type Device = "pc" | "phone";

/** As the catalogues of the pages have them. */
export interface Words {
  ja: string | RegExp;
  en: string | RegExp;
}

/** Longer than any step takes on a busy machine with two processors. */
export const PATIENCE_MS = 20_000;

/** As browsers of phones name themselves. */
const PHONE =
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36";

const VIEWPORTS = {
  pc: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, userAgent: PHONE },
} as const;

/** What a phone of the smallest kind shows, and a PC's window of 1280 x 1024 at a zoom of 400 %. */
const NARROW = { pc: { width: 320, height: 256 }, phone: { width: 320, height: 568 } } as const;

/** What is told of each state that is met. */
export interface Observer {
  readonly gallery: Gallery;
  finding(text: string): void;
}

export class Person {
  readonly context: BrowserContext;
  readonly device: Device;
  readonly locale: Locale;
  readonly page: Page;
  readonly traffic: Traffic;
  readonly #observer: Observer;

  private constructor(
    context: BrowserContext,
    page: Page,
    device: Device,
    locale: Locale,
    observer: Observer,
  ) {
    this.context = context;
    this.page = page;
    this.device = device;
    this.locale = locale;
    this.traffic = new Traffic(context);
    this.#observer = observer;
  }

  static async at(browser: Browser, device: Device, locale: Locale, observer: Observer): Promise<Person> {
    const context = await browser.newContext({
      ...VIEWPORTS[device],
      locale: locale === "ja" ? "ja-JP" : "en-GB",
      timezoneId: "Asia/Tokyo",
      ignoreHTTPSErrors: true,
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const person = new Person(context, page, device, locale, observer);
    person.#listen(page);
    return person;
  }

  /** Another tab of the same browser. */
  async newTab(): Promise<Person> {
    const page = await this.context.newPage();
    const person = new Person(this.context, page, this.device, this.locale, this.#observer);
    person.#listen(page);
    return person;
  }

  /** The words of one language. */
  say(words: Words): string | RegExp {
    return words[this.locale];
  }

  /** Waits for one of the states, and gives which. */
  async reach(...states: readonly string[]): Promise<string> {
    const selector = states.map((state) => `body[data-state="${state}"]`).join(", ");
    try {
      await this.page.waitForSelector(selector, { timeout: PATIENCE_MS });
    } catch {
      throw new Error(`the ${this.device} is in ${await this.describe()}, not in ${states.join(" or ")}`);
    }
    const state = (await this.state()) ?? "";
    await this.#look(state);
    return state;
  }

  /** Looks at what is there under a name of its own: a state that shows something special. */
  async picture(name: string): Promise<void> {
    await this.#look(name);
  }

  async state(): Promise<string | undefined> {
    return this.page.evaluate(() => document.body.dataset["state"]);
  }

  /** Where the page is, for errors. */
  async describe(): Promise<string> {
    const text = await this.page
      .locator("body")
      .innerText()
      .catch(() => "");
    return `${(await this.state().catch(() => undefined)) ?? "no state"} (${new URL(this.page.url()).pathname}: ${text.replace(/\s+/g, " ").slice(0, 300)})`;
  }

  async press(words: Words): Promise<void> {
    await this.page.getByRole("button", { name: this.say(words), exact: true }).click();
  }

  async follow(words: Words): Promise<void> {
    await this.page.getByRole("link", { name: this.say(words) }).click();
  }

  /** The same in the open dialog, whose buttons may be named as those behind it. */
  async inDialog(words: Words): Promise<void> {
    await this.page
      .getByRole("dialog")
      .getByRole("button", { name: this.say(words) })
      .click();
  }

  /** Waits until words are on the page. */
  async sees(words: Words): Promise<void> {
    await this.page.getByText(this.say(words)).first().waitFor();
  }

  sent(): readonly Sent[] {
    return this.traffic.sent;
  }

  async leave(): Promise<void> {
    await this.context.close();
  }

  #listen(page: Page): void {
    page.on("pageerror", (error) => this.#observer.finding(`${this.device}: uncaught ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      if (text.includes("Content Security Policy")) this.#observer.finding(`${this.device}: ${text}`);
    });
  }

  async #look(state: string): Promise<void> {
    const names = (["ja", "en"] as const).map(
      (locale) => [locale, `${locale}-${this.device}-${state}`] as const,
    );
    const { gallery } = this.#observer;
    // The language of the person comes last: it is on when this returns.
    if (this.locale === "ja") names.reverse();
    let switched = false;
    for (const [locale, name] of names) {
      if (!gallery.take(name)) continue;
      switched ||= locale !== this.locale;
      if ((await this.#speak(locale)) && (await this.#examine(name))) continue;
      gallery.giveBack(name);
    }
    if (switched) await this.#speak(this.locale);
  }

  /** Switches the page to a language, as its buttons do; nothing else of it changes. False if it cannot. */
  async #speak(locale: Locale): Promise<boolean> {
    const { page } = this;
    const speaks = await page.evaluate((wanted) => {
      if (document.documentElement.lang === wanted) return true;
      const button = document.querySelector<HTMLElement>(`.languages button[lang="${wanted}"]`);
      // By script: behind an open dialog nobody can press it, and focus stays where it is.
      button?.click();
      return button !== null;
    }, locale);
    if (speaks) await page.waitForFunction((wanted) => document.documentElement.lang === wanted, locale);
    return speaks;
  }

  /** False if the state went by meanwhile. */
  async #examine(name: string): Promise<boolean> {
    const { page } = this;
    const { gallery } = this.#observer;
    const before = await this.state();
    const png = await page.screenshot({ animations: "disabled", caret: "hide" });
    const violations = await this.#askAxe();
    const narrow = await this.#narrow();
    if ((await this.state()) !== before) return false;
    await gallery.hang(name, png);
    for (const violation of violations) this.#observer.finding(`axe in ${name}: ${violation}`);
    if (narrow !== undefined) this.#observer.finding(`${name} ${narrow}`);
    return true;
  }

  async #askAxe(): Promise<string[]> {
    const { page } = this;
    if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
    return page.evaluate(async () => {
      const { axe: engine } = globalThis as unknown as { axe: typeof axe };
      const results = await engine.run({ resultTypes: ["violations"] });
      return results.violations.map(
        ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`,
      );
    });
  }

  /** What does not fit into a narrow window. */
  async #narrow(): Promise<string | undefined> {
    const { page, device } = this;
    await page.setViewportSize(NARROW[device]);
    const wide = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      if (scrollWidth <= clientWidth) return [];
      return [...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > clientWidth + 1)
        .map((element) => `${element.tagName}.${element.className}`);
    });
    await page.setViewportSize(VIEWPORTS[device].viewport);
    return wide.length === 0 ? undefined : `scrolls sideways at 320 px: ${wide.slice(0, 5).join(", ")}`;
  }
}
