// For tests: a tab with services that answer as a test says, and that notes what was asked of them.
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import type { ServiceImpl } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { LinkService } from "../../gen/musubi/v1/link_pb.ts";
import { PairingService } from "../../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../../gen/musubi/v1/session_pb.ts";
import type { BrowserState, SignInPurpose } from "../../shared/page.ts";
import { FakeTime } from "../../ui/fake_time.ts";
import type { Problem } from "../../ui/problem.ts";
import { createCalls } from "../client.ts";
import { memoryOn } from "../memory.ts";
import type { PagePath, Services } from "../services.ts";

export function problem(reason: string): Problem {
  return { reason, metadata: {}, retryAfterMs: null };
}

/** What a service throws to refuse. */
export function refusal(reason: string): ConnectError {
  return new ConnectError("refused", Code.FailedPrecondition, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "musubi" } },
  ]);
}

export interface FakeTab extends Services {
  /** Where the page has sent the browser, in order. */
  went: string[];
  signIns: SignInPurpose[];
  time: FakeTime;
}

export interface Fakes {
  session?: Partial<ServiceImpl<typeof SessionService>>;
  pairing?: Partial<ServiceImpl<typeof PairingService>>;
  links?: Partial<ServiceImpl<typeof LinkService>>;
  state?: BrowserState;
  /** sessionStorage of the tab; the same one again is a reload. */
  storage?: Map<string, string>;
}

export const SIGNED_IN: NonNullable<BrowserState["signedIn"]> = {
  accountHint: "sh***",
  accountName: "shiken1@example.ac.jp",
  authTime: "2026-11-27T09:00:00Z",
  fresh: true,
  until: "2026-11-27T09:15:00Z",
};

/** Random octets that are all 1, then all 2, ... over all tabs of a storage. */
function counting(storage: Map<string, string>) {
  return (octets: number) => {
    const made = Number(storage.get("made") ?? "0") + 1;
    storage.set("made", made.toString());
    return new Uint8Array(octets).fill(made);
  };
}

export function fakeTab(fakes: Fakes): FakeTab {
  const transport = createRouterTransport((router) => {
    router.service(SessionService, fakes.session ?? {});
    router.service(PairingService, fakes.pairing ?? {});
    router.service(LinkService, fakes.links ?? {});
  });
  const storage = fakes.storage ?? new Map<string, string>();
  const time = new FakeTime(Date.parse(SIGNED_IN.authTime) + 60_000);
  const went: string[] = [];
  const signIns: SignInPurpose[] = [];
  const nothing = () => Promise.resolve();
  return {
    went,
    signIns,
    time,
    calls: createCalls(transport, transport),
    http: {
      config: () => Promise.reject(new Error("not asked for")),
      state: () => Promise.resolve(fakes.state ?? { session: null, signedIn: SIGNED_IN }),
      signIn: ({ purpose }) => {
        signIns.push(purpose);
        return Promise.resolve({ location: "https://idp.example/authorize" });
      },
      signOut: nothing,
      leave: nothing,
    },
    config: {
      relyingPartyId: "demo-university",
      serviceName: { ja: "見本大学", en: "Sample University" },
      app: {
        name: { ja: "アプリ", en: "App" },
        url: "https://app.example/",
        iosUrl: "https://app.example/ios",
        androidUrl: "https://app.example/android",
        iosVersion: "16.4",
        androidVersion: "11",
        phonesUrl: "https://app.example/phones",
      },
      firstStep: "ACCOUNT",
      acts: ["LINK", "UNLINK", "REPLACE"],
      recoveryUrl: "https://account.example/recovery",
      helpUrl: "https://link.example/help",
    },
    clock: time,
    timer: time,
    random: counting(storage),
    memory: memoryOn({
      getItem: (key) => storage.get(key) ?? null,
      setItem: (key, value) => void storage.set(key, value),
      removeItem: (key) => void storage.delete(key),
    }),
    navigate: (page: PagePath) => void went.push(page),
    go: (url) => void went.push(url),
    present: new Set(),
  };
}

/** Lets everything run that waits for nothing but promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
