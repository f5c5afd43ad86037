// The calls that replace this browser's credential: CompleteReturn and BindAccount. The old one is void at
// once, except to repeat the very same request; so that request is kept in the tab until its answer has
// come, and a page that is loaded anew after a lost answer repeats it instead of losing its session.
import { fromBase64Url, toBase64Url } from "../../ui/bytes.ts";
import { isPassing, problemOf, withRetry } from "../../ui/problem.ts";
import type { Replacing } from "../memory.ts";
import { requestId } from "../services.ts";
import type { Services } from "../services.ts";

type Needed = Pick<Services, "calls" | "memory" | "random" | "timer">;

/** Ends the return: `code` is the return page's, base64url; empty where the card was read with another device. */
export function completeReturn(services: Needed, sessionId: string, code = ""): Promise<void> {
  return replace(services, { call: "return", sessionId, code });
}

/** Names the signed-in account of this session; of a session that has it already, only the credential changes. */
export function bindAccount(services: Needed, sessionId: string): Promise<void> {
  return replace(services, { call: "bind", sessionId, code: "" });
}

/** Repeats what this tab has asked for without an answer. False: nothing is open for this session. */
export async function repeatReplacement(services: Needed, sessionId: string): Promise<boolean> {
  const open = openReplacement(services, sessionId);
  if (open === null) return false;
  await send(services, open);
  return true;
}

/** The return that this tab has begun for its session and has no answer for, as it was read from the address. */
export function openReturn(services: Pick<Services, "memory">): { sessionId: string; code: string } | null {
  const open = services.memory.get("replacing");
  return open?.call === "return" && open.code !== "" ? { sessionId: open.sessionId, code: open.code } : null;
}

function openReplacement(services: Pick<Services, "memory">, sessionId: string): Replacing | null {
  const open = services.memory.get("replacing");
  return open?.sessionId === sessionId ? open : null;
}

async function replace(services: Needed, asked: Omit<Replacing, "requestId">): Promise<void> {
  const open = openReplacement(services, asked.sessionId);
  const same = open !== null && open.call === asked.call && open.code === asked.code;
  await send(services, same ? open : { ...asked, requestId: toBase64Url(requestId(services)) });
}

async function send(services: Needed, replacing: Replacing): Promise<void> {
  const { pairing, session } = services.calls;
  const id = octets(replacing.requestId);
  const sessionId = octets(replacing.sessionId);
  services.memory.set("replacing", replacing);
  try {
    await withRetry(services.timer, async () => {
      if (replacing.call === "bind") await session.bindAccount({ sessionId, requestId: id });
      else await pairing.completeReturn({ sessionId, requestId: id, returnCode: octets(replacing.code) });
    });
  } catch (error) {
    const problem = problemOf(error);
    // Only while nobody knows whether it was done is the next press the same request.
    if (!isPassing(problem) && problem.reason !== "INTERNAL") services.memory.remove("replacing");
    throw error;
  }
  services.memory.remove("replacing");
}

function octets(text: string): Uint8Array<ArrayBuffer> {
  return fromBase64Url(text) ?? new Uint8Array();
}
