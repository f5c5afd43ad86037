// What is inside the tier's cookies, for looking whether it is anywhere else; and cookies of our own making,
// for names that no identity provider of the stage gives. With the stage's own key: no attacker has it.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { BrowserContext } from "playwright-core";
import { COOKIES, type CookieKind, Cookies, type CookieValue } from "../../server/cookies.ts";
import { parseKeyring, Sealer } from "../../server/seal.ts";
import { systemClock } from "../../shared/clock.ts";
import type { Stage } from "../../stage/stage.ts";

export class Seals {
  readonly #cookies: Cookies;
  readonly #tier: string;

  constructor(stage: Stage) {
    const keyring = parseKeyring(readFileSync(stage.world.file("keys/web.keyring"), "utf8"), "web.keyring");
    this.#cookies = new Cookies(new Sealer(keyring, systemClock, randomBytes), systemClock);
    this.#tier = stage.origins.tier;
  }

  async read<K extends CookieKind>(context: BrowserContext, kind: K): Promise<CookieValue<K> | undefined> {
    const cookies = await context.cookies(this.#tier);
    return this.#cookies.read(kind, cookies.map(({ name, value }) => `${name}=${value}`).join("; "))?.value;
  }

  async put<K extends CookieKind>(context: BrowserContext, kind: K, value: CookieValue<K>): Promise<void> {
    const line = this.#cookies.set(kind, value, systemClock.now() + 600_000);
    const sealed = (line.split(";")[0] ?? "").slice(COOKIES[kind].name.length + 1);
    const { name } = COOKIES[kind];
    await context.addCookies([
      { name, value: sealed, url: this.#tier, secure: true, httpOnly: true, sameSite: "Lax" },
    ]);
  }
}
