// A person at a device: what they see, press and type. A state of a page is reached when its body says
// so; each is looked at by axe, and gets its picture, the first time that it is met.
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
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

/** What is told of each state that is met. */
export interface Observer {
  /** True: this state was not met before in this language on this device. */
  isNew(name: string): boolean;
  picture(name: string, png: Buffer): Promise<void>;
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
    const name = `${this.locale}-${this.device}-${state}`;
    if (!this.#observer.isNew(name)) return;
    await this.#observer.picture(name, await this.page.screenshot({ animations: "disabled", caret: "hide" }));
    await this.page.evaluate(axe.source);
    const violations = await this.page.evaluate(async () => {
      const { axe: engine } = globalThis as unknown as { axe: typeof axe };
      const results = await engine.run();
      return results.violations.map(
        ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`,
      );
    });
    for (const violation of violations) this.#observer.finding(`axe in ${name}: ${violation}`);
  }
}
