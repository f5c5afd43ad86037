// How a journey begins, and how a person signs in on the way: shared by the pages that have such a button.
// Nothing begins by itself: each starts from a press, which a sign-in in between does not change.
import { Act } from "../gen/musubi/v1/common_pb.ts";
import type { BrowserState, SignInPurpose } from "../shared/page.ts";
import type { Locale } from "../ui/i18n.tsx";
import { withRetry } from "../ui/problem.ts";
import type { Way } from "./memory.ts";
import { requestId } from "./services.ts";
import type { Services } from "./services.ts";

export type BeginAct = "LINK" | "UNLINK" | "REPLACE";

/** How long a press is remembered over a sign-in. */
const PRESS_LASTS_MS = 15 * 60_000;
/** A sign-in that is younger serves for LINK too: enough of its 10 minutes is left for the card. */
const RECENT_SIGN_IN_MS = 5 * 60_000;

/** Does this act need a sign-in before anything else? */
export function needsSignIn(
  act: BeginAct,
  firstStep: "ACCOUNT" | "CARD",
  signedIn: BrowserState["signedIn"],
  now: number,
): boolean {
  if (act === "LINK" && firstStep === "CARD") return false;
  // What ends or replaces a link wants a sign-in of its own, at the strength that the act demands.
  if (act !== "LINK") return true;
  return signedIn === null || !signedIn.fresh || now - Date.parse(signedIn.authTime) > RECENT_SIGN_IN_MS;
}

/**
 * A press on "begin". "signing-in": this document is being left for the identity provider, and the journey
 * page goes on when the person is back. "begun": the session is there, and its cookie is set. Throws what
 * problemOf() reads.
 */
export async function begin(
  services: Services,
  act: BeginAct,
  way: Way,
  locale: Locale,
): Promise<"signing-in" | "begun"> {
  const state = await services.http.state();
  if (!needsSignIn(act, services.config.firstStep, state.signedIn, services.clock.now())) {
    await createSession(services, act, way, locale);
    return "begun";
  }
  services.memory.set("begin", { act, way, until: services.clock.now() + PRESS_LASTS_MS });
  const { location } = await services.http.signIn({ purpose: act, locale });
  services.go(location);
  return "signing-in";
}

/** What was pressed before the sign-in that has just succeeded; null: nothing, or too long ago. Taken once. */
export function takePress(
  services: Pick<Services, "memory" | "clock">,
  state: BrowserState,
): { act: BeginAct; way: Way } | null {
  const press = services.memory.get("begin");
  if (press === null || state.signedIn === null) return null;
  services.memory.remove("begin");
  return services.clock.now() > press.until ? null : { act: press.act, way: press.way };
}

export async function createSession(
  services: Services,
  act: BeginAct,
  way: Way,
  locale: Locale,
): Promise<void> {
  const request = { requestId: requestId(services), act: Act[act], locale };
  await withRetry(services.timer, () => services.calls.session.createSession(request));
  services.memory.remove("begin");
  services.memory.remove("signIn");
  services.memory.remove("replacing");
  services.memory.set("way", way);
}

/**
 * Asks for a sign-in in the middle of a journey; the journey page goes on when the person is back. Only a
 * sign-in made after this counts (isSignedInSince).
 */
export async function askSignIn(
  services: Services,
  purpose: SignInPurpose,
  sessionId: string,
  locale: Locale,
): Promise<void> {
  const { signedIn } = await services.http.state();
  services.memory.set("signIn", { sessionId, purpose, authTimeBefore: signedIn?.authTime ?? null });
  const { location } = await services.http.signIn({ purpose, locale });
  services.go(location);
}

/** Has the person signed in since this session's page asked for it? By the provider's own clock alone. */
export function isSignedInSince(services: Pick<Services, "memory">, state: BrowserState): boolean {
  const asked = services.memory.get("signIn");
  return (
    asked !== null &&
    state.session !== null &&
    state.signedIn !== null &&
    asked.sessionId === state.session.id &&
    asked.authTimeBefore !== state.signedIn.authTime
  );
}

/** The reason in the address (`#error=REASON`), where a redirect of the tier left one; taken out of it. */
export function takeError(): string | null {
  const match = /^#error=([A-Z_]{1,64})$/.exec(location.hash);
  if (match === null) return null;
  history.replaceState(null, "", location.pathname);
  return match[1] ?? null;
}
