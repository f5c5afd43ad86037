// The request id of a decision: made once, kept over retries and reloads of this tab, so that a decision
// whose answer was lost is never made twice. It opens the stored answer: it goes into no log.
import { Act } from "../../gen/musubi/v1/common_pb.ts";
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { fromBase64Url, toBase64Url } from "../../ui/bytes.ts";
import { requestId } from "../services.ts";
import type { Services } from "../services.ts";

const LENGTH = 16;

/**
 * The request id of `decision`, as in "link.<session id>". A browser that keeps nothing gets a new one
 * each time: the server then answers the second press with SESSION_ALREADY_USED, and nothing is done twice.
 */
export function requestIdOf(
  services: Pick<Services, "memory" | "random">,
  decision: string,
): Uint8Array<ArrayBuffer> {
  const kept = keptRequestId(services, decision);
  if (kept !== null) return kept;
  const made = requestId(services);
  services.memory.set("requestIds", { ...services.memory.get("requestIds"), [decision]: toBase64Url(made) });
  return made;
}

/** The request id of a decision that was made in this tab before; null: none was. */
export function keptRequestId(
  services: Pick<Services, "memory">,
  decision: string,
): Uint8Array<ArrayBuffer> | null {
  const text = services.memory.get("requestIds")?.[decision];
  const kept = typeof text === "string" ? fromBase64Url(text) : null;
  return kept?.length === LENGTH ? kept : null;
}

/** Name of what is decided about a session once its card is proven. */
export const decisionOf = (session: SessionView) => `decide.${toBase64Url(session.sessionId)}`;

/** Was this session's decision made in this tab? Then a page that is loaded anew shows its result again. */
export function wasDecidedHere(services: Pick<Services, "memory">, session: SessionView): boolean {
  return session.act !== Act.VERIFY && keptRequestId(services, decisionOf(session)) !== null;
}
