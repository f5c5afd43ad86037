// How an account is shown: its name to its owner, a masked hint to everybody else. Pure.

// Names that are shown have room; nobody's is longer.
const MAX_NAME_POINTS = 64;
// AccountBinding.masked_hint of the wire contract.
const MAX_HINT_OCTETS = 64;
const MASK = "***";

/** The name that a claim gives, without characters that are not seen or turn text around. */
export function shownName(claim: string): string {
  const visible = claim.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, "");
  return Array.from(visible.trim()).slice(0, MAX_NAME_POINTS).join("");
}

/** As in "sh***" or "sh***@example.ac.jp": enough for the owner to know it, not for others to learn it. */
export function maskedHint(name: string): string {
  const at = name.lastIndexOf("@");
  const local = Array.from(at < 0 ? name : name.slice(0, at));
  const domain = at < 0 ? "" : name.slice(at);
  // At least half of the name stays hidden.
  const shown = local.slice(0, Math.min(2, Math.floor(local.length / 2))).join("");
  const hint = shown + MASK + domain;
  return Buffer.byteLength(hint) <= MAX_HINT_OCTETS ? hint : shown + MASK;
}
