// The JSON that pages get from the tier outside the wire contract. Types only.

/** A text in each language that the pages have. */
export interface LocalizedText {
  ja: string;
  en: string;
}

/** The authentication app, as pages name it. Configuration: the real one was merged into another. */
export interface AppInfo {
  name: LocalizedText;
  /** https URL that opens the app; what it is to do is in the fragment: `#q=<QR payload>`, `#h=<session id>.<hand-off token>`. */
  url: string;
  /** Where it is installed from, for each platform. */
  iosUrl: string;
  androidUrl: string;
  /** Oldest versions of the phone's system that it runs on, as in "16.4". */
  iosVersion: string;
  androidVersion: string;
  /** List of phones that read the card. */
  phonesUrl: string;
}

/** What every page needs to know; the same for everybody. */
export interface PageConfig {
  relyingPartyId: string;
  serviceName: LocalizedText;
  app: AppInfo;
  /** Which comes first: sign-in or card. */
  firstStep: "ACCOUNT" | "CARD";
  /** LINK | UNLINK | REPLACE, as the relying-party file allows. */
  acts: ("LINK" | "UNLINK" | "REPLACE")[];
  /** Public page where recovery begins (of the relying party): what the QR of a VERIFY on a PC shows. */
  recoveryUrl: string;
  /** Where to ask for help. */
  helpUrl: string;
}

/** What the cookies of this browser say. */
export interface BrowserState {
  session: {
    /** base64url. */
    id: string;
    act: "LINK" | "UNLINK" | "VERIFY" | "REPLACE";
    /** RFC 3339. */
    expiresAt: string;
  } | null;
  signedIn: {
    /** As in "sh***": never the whole name of the account. */
    accountHint: string;
    /** The account as its owner knows it, for their own eyes. */
    accountName: string;
    /** RFC 3339: when they signed in. */
    authTime: string;
    /** They were asked for it: good for an act. False: an earlier sign-in served, which may only look. */
    fresh: boolean;
    /** RFC 3339: when this state is forgotten. */
    until: string;
  } | null;
}

/** Why the person signs in; decides prompt, max_age, acr, and where they come back to. */
export type SignInPurpose =
  | "LINK"
  | "UNLINK"
  | "REPLACE"
  | "STATUS"
  /** To end a link without its card: fresh as for an act, and always back to the status page. */
  | "STATUS_UNLINK"
  | "MY"
  | "RESUME";

export interface SignInRequest {
  purpose: SignInPurpose;
  locale: "ja" | "en";
}

export interface SignInResponse {
  /** The identity provider's authorization URL. */
  location: string;
}

/** A refusal of an endpoint that is not a call of the wire contract. */
export interface Refusal {
  /** A name of ErrorReason without prefix, or one of the tier's own (shared/tier_reasons.ts). */
  reason: string;
}
