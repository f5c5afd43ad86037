// Where things are on the tier: what its server registers and its pages ask for. No logic.

/** Prefix of the calls that browsers make with the session cookie: same-origin only. */
export const BROWSER_RPC = "/rpc/browser";

/** Prefix of the calls that the authentication app makes with its own credential; ignores cookies. */
export const APP_RPC = "/rpc/app";

/** The pages. All are one document; GET of any makes nothing. */
export const PAGES = {
  /** What will happen, what is needed, and the buttons that begin. */
  home: "/",
  /** The journey of this browser: QR, code, progress, outcome. Resumes from the cookie. */
  journey: "/journey",
  /** Entry of VERIFY: `#s=<session id>.<start code>` (StartResponse.start_url). */
  start: "/start",
  /** Back from the app on the same phone: `#s=<session id>.<return code>`. */
  return: "/return",
  /** The link's state, as the service shows it. */
  status: "/status",
  /** The account's own page: values after "Show information". */
  my: "/my",
} as const;

/** What is not a page. */
export const ENDPOINTS = {
  /** GET: PageConfig, the same for everybody. */
  config: "/config.json",
  /** GET: BrowserState, what the cookies of this browser say. */
  state: "/state.json",
  /** POST SignInRequest: SignInResponse with the identity provider's URL. */
  signIn: "/signin",
  /** GET: where the identity provider sends the browser back. */
  callback: "/callback",
  /** POST: forgets the sign-in. */
  signOut: "/signout",
  /** POST: "Leave this PC": cancels the session if it lives, clears every cookie. */
  leave: "/leave",
  /** GET: sends the browser on to the relying party with state and result code (VERIFY). */
  result: "/result",
} as const;
