// Reasons that the tier itself refuses with, beside those of docs/errors.md. Pages have words for each.
// On Connect they are in google.rpc.ErrorInfo with domain TIER_DOMAIN; elsewhere in Refusal.reason.

export const TIER_DOMAIN = "musubi.web";

export const TIER_REASONS = [
  /** The call comes from another site (Origin, Sec-Fetch-Site, Host). */
  "CROSS_SITE",
  /** The browser has no session cookie, or one that is damaged. */
  "NO_SESSION",
  /** The cookie is of another session than the page: another tab has begun a new one. */
  "SESSION_REPLACED",
  /** The person is not signed in, or was signed in too long ago for the tier to remember. */
  "NOT_SIGNED_IN",
  /** The person said no at the identity provider. */
  "SIGN_IN_CANCELLED",
  /** The callback does not belong to a sign-in that this browser began, or was used already. */
  "SIGN_IN_MISMATCH",
  /** The identity provider failed or does not answer. */
  "SIGN_IN_FAILED",
  /** Too many requests from this address. */
  "TOO_MANY_REQUESTS",
  /** The tier is being stopped; another one answers. */
  "DRAINING",
] as const;

export type TierReason = (typeof TIER_REASONS)[number];
