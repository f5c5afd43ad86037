// The 6-digit code as people type or paste it.

export const CODE_DIGITS = 6;

/** Digits alone, in their plain form: "１２３-４５６", "123 456" and "123456" are the same. */
export function normaliseCode(text: string): string {
  return text.normalize("NFKC").replace(/[\s\p{Dash}ー\u200b]/gu, "");
}

/** Six digits, nothing else. */
export function isCode(normalised: string): boolean {
  return /^[0-9]{6}$/.test(normalised);
}
