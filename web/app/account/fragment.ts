// One-time codes come in the fragment of an address, so that no server and no log sees them. They are read once
// and taken out of the address bar at once, so that no history, bookmark or shoulder keeps them.

/** base64url, as it came. */
export interface FragmentCode {
  sessionId: string;
  code: string;
}

/** `#s=<session id>.<code>`, of 16 and 32 octets. Null: anything else. */
export function codeOf(fragment: string): FragmentCode | null {
  const [, sessionId, code] = /^#s=([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/.exec(fragment) ?? [];
  return sessionId === undefined || code === undefined ? null : { sessionId, code };
}

/** The part of window that is needed here. */
export interface Address {
  location: { hash: string; pathname: string; search: string };
  history: { replaceState(data: unknown, unused: string, url: string): void };
}

/** Reads the fragment and removes it from the address bar, whatever it holds. */
export function takeFragment({ location, history }: Address): string {
  const fragment = location.hash;
  if (fragment !== "") history.replaceState(null, "", location.pathname + location.search);
  return fragment;
}
