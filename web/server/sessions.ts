// Ends a session in the browser's name, outside any call of the page.
import { CancelReason } from "../gen/musubi/v1/common_pb.ts";
import type { SessionCookie } from "./cookies.ts";
import type { Tier } from "./tier.ts";

/** The person has left, or has begun anew: what cannot be cancelled in time expires by itself. */
const CANCEL_MS = 3_000;

/** Cancels the session, if it lives and the services answer. Never fails. */
export async function cancelQuietly(tier: Tier, session: SessionCookie): Promise<void> {
  try {
    await tier.services.session.cancelSession(
      {
        sessionId: Buffer.from(session.id, "base64url"),
        requestId: tier.random(16),
        reason: CancelReason.USER_CANCELLED,
      },
      { headers: { authorization: `Bearer ${session.credential}` }, timeoutMs: CANCEL_MS },
    );
  } catch {
    // It has ended already, or the services do not answer.
  }
}
