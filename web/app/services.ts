// Everything outside of itself that a page uses, injected: tests give fakes.
import type { Clock } from "../shared/clock.ts";
import { systemClock } from "../shared/clock.ts";
import type { PageConfig } from "../shared/page.ts";
import type { PAGES } from "../shared/routes.ts";
import { browserTimer } from "../ui/timer.ts";
import type { Timer } from "../ui/timer.ts";
import { browserCalls, browserHttp } from "./client.ts";
import type { Calls, Http } from "./client.ts";
import { browserMemory } from "./memory.ts";
import type { Memory } from "./memory.ts";

export type PagePath = (typeof PAGES)[keyof typeof PAGES];

export interface Services {
  calls: Calls;
  http: Http;
  config: PageConfig;
  /** The tier's clock as far as it is known, so that a PC with a wrong clock shows the right time left. */
  clock: Clock;
  timer: Timer;
  /** Fresh octets: request ids, names of tabs. */
  random(octets: number): Uint8Array<ArrayBuffer>;
  /** What this tab remembers over a visit to the identity provider or the app. No credential is in it. */
  memory: Memory;
  /** Shows another page of ours without loading the document anew. */
  navigate(page: PagePath): void;
  /** Leaves this document: the app, the identity provider, another site. */
  go(url: string): void;
  /**
   * Ids of sessions that came to READY in this very document, base64url: the person has been here all
   * along. A page that finds a READY session of another document asks for a fresh sign-in first.
   */
  present: Set<string>;
}

/** A clock that is set by what the tier says. Small differences are the network's, not the clock's. */
export class TierClock implements Clock {
  readonly #own: Clock;
  #ahead = 0;

  constructor(own: Clock) {
    this.#own = own;
  }

  now(): number {
    return this.#own.now() + this.#ahead;
  }

  /** HTTP dates are whole seconds: anything below two is no difference. */
  set(tier: number): void {
    const ahead = tier - this.#own.now();
    this.#ahead = Math.abs(ahead) < 2000 ? 0 : ahead;
  }
}

export function requestId(services: Pick<Services, "random">): Uint8Array<ArrayBuffer> {
  return services.random(16);
}

/** The services of a real browser. */
export async function browserServices(navigate: (page: PagePath) => void): Promise<Services> {
  const clock = new TierClock(systemClock);
  const http = browserHttp((date) => {
    clock.set(date);
  });
  const config = await http.config();
  return {
    calls: browserCalls(),
    http,
    config,
    clock,
    timer: browserTimer,
    random: (octets) => crypto.getRandomValues(new Uint8Array(octets)),
    memory: browserMemory(),
    navigate,
    go: (url) => {
      location.assign(url);
    },
    present: new Set(),
  };
}
