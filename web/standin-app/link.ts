// What opened the app: the fragment of its https URL, `#q=<QR payload>` or
// `#h=<session id>.<hand-off token>`. Reading it makes nothing.
import { fromBase64Url } from "../ui/bytes.ts";
import type { Link } from "./state.ts";

const MAX_PAYLOAD = 256;

/** null: a fragment that is no link. */
export function parseLink(fragment: string): Link | null {
  const [, kind, rest] = /^#([qh])=(.+)$/.exec(fragment) ?? [];
  if (rest === undefined) return null;
  if (kind === "q") {
    if (rest.length > MAX_PAYLOAD || fromBase64Url(rest) === null) return null;
    return { kind: "QR", payload: rest };
  }
  const [session = "", token = "", ...more] = rest.split(".");
  const sessionId = fromBase64Url(session);
  const octets = fromBase64Url(token);
  if (more.length > 0 || sessionId?.length !== 16 || octets?.length !== 32) return null;
  return { kind: "HANDOFF", sessionId, token: octets };
}
