// What people are told for each reason that anything can be refused with, in both languages, each with
// the next step. The source of meaning is docs/errors.md. Complete by type: a reason that the contract
// gains and this file lacks fails the type check.
import { CancelReason, ErrorReason, Party, VerdictReason } from "../gen/musubi/v1/common_pb.ts";
import type { TierReason } from "../shared/tier_reasons.ts";
import type { Words } from "./i18n.tsx";

/** What one press does about it; the page offers the button. */
export type Remedy =
  /** The same again, here. */
  | "retry"
  /** A new journey. */
  | "start-again"
  /** Sign in (again). */
  | "sign-in"
  /** Go on in the app or on the phone: nothing to press here. */
  | "phone"
  /** Hold the card to the phone again. */
  | "card"
  /** Look at the link's state. */
  | "status"
  /** Back to the service that sent the person. */
  | "service"
  /** Take up the session that this browser has now. */
  | "reload"
  /** Ask somebody: the help page. */
  | "help"
  /** Nothing is wrong. */
  | "none";

export interface Advice {
  /** What happened, in a few words. */
  title: Words;
  /** What to do now. */
  next: Words;
  remedy: Remedy;
}

function advice(remedy: Remedy, titleJa: string, titleEn: string, nextJa: string, nextEn: string): Advice {
  return { remedy, title: { ja: titleJa, en: titleEn }, next: { ja: nextJa, en: nextEn } };
}

export type ErrorReasonName = keyof typeof ErrorReason;
export type VerdictReasonName = keyof typeof VerdictReason;
export type CancelReasonName = keyof typeof CancelReason;

/** A fault between programs: nothing that a person did. */
const ourFault = advice(
  "retry",
  "システムに問題が起きました",
  "Something went wrong on our side",
  "あなたの操作に問題はありません。もう一度お試しください。続くときは、ヘルプに連絡してください。",
  "You did nothing wrong. Please try again. If it happens again, contact the help desk.",
);

const lostSession = advice(
  "start-again",
  "このページでは、手続きを続けられません",
  "This page has lost its session",
  "はじめに使った画面に戻ってください。見つからないときは、もう一度はじめてください。",
  "Go back to the window where you began. If you cannot find it, start again.",
);

export const errorReasons: Record<ErrorReasonName, Advice> = {
  UNSPECIFIED: ourFault,
  INTERNAL: ourFault,
  UNAVAILABLE: advice(
    "retry",
    "システムに、今つながりません",
    "The service does not answer right now",
    "入力したものは消えていません。少し待って、もう一度お試しください。",
    "Nothing that you entered is lost. Wait a moment and try again.",
  ),
  OVERLOADED: advice(
    "retry",
    "今、とても混み合っています",
    "The service is very busy",
    "少し待って、もう一度お試しください。",
    "Wait a moment and try again.",
  ),
  DEADLINE_MISSING: ourFault,
  REQUEST_TOO_LARGE: ourFault,
  FIELD_INVALID: advice(
    "retry",
    "入力したものを確認してください",
    "Please check what you entered",
    "正しい形で、もう一度入力してください。まちがいの回数には数えません。",
    "Enter it again in the right form. This cost no try.",
  ),
  ROLE_NOT_ALLOWED: ourFault,
  CALLER_UNAUTHENTICATED: ourFault,
  CREDENTIAL_MISSING: lostSession,
  CREDENTIAL_INVALID: lostSession,
  REQUEST_ID_REUSED: ourFault,
  STORE_FAILED_OVER: advice(
    "retry",
    "システムが切り替わりました",
    "The system has switched over",
    "このページのまま、もう一度押してください。",
    "Stay on this page and press again.",
  ),
  FIELD_NOT_ALLOWED: ourFault,
  NOT_SUPPORTED: advice(
    "help",
    "この操作は、ここではできません",
    "This is not offered here",
    "ほかの方法を、ヘルプで確認してください。",
    "See the help page for another way.",
  ),
  RATE_LIMITED: advice(
    "retry",
    "短い時間に、何度もはじめています",
    "You have begun too often",
    "数分待って、もう一度はじめてください。",
    "Wait a few minutes and start again.",
  ),
  SESSION_NOT_FOUND: advice(
    "start-again",
    "このページは古くなりました",
    "This page is too old",
    "もう一度はじめてください。",
    "Start again.",
  ),
  SESSION_EXPIRED: advice(
    "start-again",
    "時間が過ぎました",
    "Time is up",
    "カードから読み取ったものは消しました。もう一度はじめてください。",
    "Anything read from the card is deleted. Start again.",
  ),
  WRONG_STATE: advice(
    "reload",
    "手続きは、すでに先に進んでいるか、終わっています",
    "This step is over already",
    "今の状態を表示してください。",
    "Show where you are now.",
  ),
  RELYING_PARTY_UNKNOWN: advice(
    "service",
    "このサービスは登録されていません",
    "This service is not known here",
    "元のサービスに戻ってください。",
    "Go back to where you came from.",
  ),
  RELYING_PARTY_MISMATCH: advice(
    "service",
    "この手続きは、別のサービスのものです",
    "This belongs to another service",
    "元のサービスに戻って、もう一度はじめてください。",
    "Go back to the service that you came from and start again.",
  ),
  ACT_NOT_ALLOWED: advice(
    "help",
    "このサービスでは、この手続きはできません",
    "This service does not offer that",
    "ヘルプに連絡してください。",
    "Ask its help desk.",
  ),
  FLOW_NOT_ALLOWED: advice(
    "phone",
    "この進め方は使えません",
    "This way is not possible here",
    "このページをスマートフォンで開いて、スマートフォンだけで進めてください。",
    "Open this page on your phone and go on there.",
  ),
  START_CODE_INVALID: advice(
    "service",
    "この開始リンクは、古いか、すでに使われています",
    "This start link is too old, or was used already",
    "はじめに開いた画面があれば、そこで続けてください。なければ、元のサービスに戻って、もう一度押してください。",
    "Go on in the page that it opened. If there is none, go back to the service and press again.",
  ),
  QR_FRAME_INVALID: advice(
    "phone",
    "このQRコードは読み取れません",
    "This QR code cannot be used",
    "自分で開いたページのQRコードを、もう一度読み取ってください。人から送られたQRコードは読み取らないでください。",
    "Scan the code on the page that you opened yourself again. Never scan a code that somebody sent you.",
  ),
  QR_FRAME_STALE: advice(
    "phone",
    "読み取ったQRコードは古くなっています",
    "This QR code is too old",
    "今、画面に出ているQRコードを読み取ってください。",
    "Scan the one that is on the screen now.",
  ),
  QR_FRAME_SUPERSEDED: advice(
    "phone",
    "QRコードは新しくなりました",
    "The QR code was renewed",
    "今、画面に出ているQRコードを読み取ってください。",
    "Scan the one that is on the screen now.",
  ),
  QR_PAGE_EXPIRED: advice(
    "retry",
    "QRコードの時間が過ぎました",
    "The QR code's time is over",
    "パソコンの画面で「QRコードをもう一度出す」を押してください。",
    "Press “Show the QR code again” on the PC.",
  ),
  ALREADY_CLAIMED: advice(
    "phone",
    "別のスマートフォンが、先に読み取りました",
    "Another phone has scanned this code",
    "自分のスマートフォンでないときは、パソコンの画面で「最初のスマートフォンは私のものではありません」を押してください。",
    "If it is not yours, press “The first phone was not mine” on the PC.",
  ),
  QR_REFRESHES_EXHAUSTED: advice(
    "start-again",
    "QRコードを出せる回数が終わりました",
    "The QR code was renewed as often as possible",
    "もう一度はじめてください。",
    "Start again.",
  ),
  PAIRING_CODE_WRONG: advice(
    "retry",
    "番号が違います",
    "These are not the digits on your phone",
    "スマートフォンに出ている6けたの番号を、もう一度見てください。",
    "Look at the 6 digits on your phone again.",
  ),
  PAIRING_CODE_EXPIRED: advice(
    "phone",
    "番号の時間が過ぎました",
    "This code is too old",
    "スマートフォンで「新しい番号を出す」を押して、新しい番号を入力してください。",
    "Press “New code” on the phone, and type the new one.",
  ),
  HANDOFF_INVALID: advice(
    "phone",
    "このリンクは、古いか、すでに使われています",
    "This link is too old, or was used already",
    "ブラウザーに戻って、もう一度「アプリを開く」を押してください。",
    "Go back to the browser and press “Open the app” again.",
  ),
  RETURN_CODE_INVALID: advice(
    "phone",
    "戻るためのリンクは、古いか、すでに使われています",
    "This way back is too old, or was used already",
    "アプリを開いて、もう一度「ブラウザーに戻る」を押してください。",
    "Go back to the app and press “Return” again.",
  ),
  RETURN_IN_OTHER_BROWSER: advice(
    "phone",
    "はじめたときと違うブラウザーです",
    "This is not the browser where you began",
    "はじめに使ったブラウザーで、このページを開いてください。何も失われていません。",
    "Open this page in the browser where you began. Nothing is lost.",
  ),
  CROSS_DEVICE_SUSPENDED: advice(
    "phone",
    "パソコンとスマートフォンを使う方法は、今、止めています",
    "Using two devices is suspended at the moment",
    "まちがった番号がたくさん届いているためです。スマートフォンだけで進めるか、時間をおいてお試しください。",
    "Many wrong codes are coming in. Use your phone alone, or come back later.",
  ),
  CHALLENGE_INVALID: advice(
    "card",
    "読み取りに時間がかかりすぎました",
    "That took too long",
    "カードを、もう一度スマートフォンに当ててください。",
    "Hold the card to the phone again.",
  ),
  MY_NUMBER_PRESENT: advice(
    "help",
    "マイナンバーが含まれていたため、受け取りませんでした",
    "The message held a My Number, and was refused",
    "何も保存していません。アプリを更新してください。続くときは、ヘルプに連絡してください。",
    "Nothing was kept. Update the app. If it happens again, contact the help desk.",
  ),
  CONSENT_TEXT_MISMATCH: advice(
    "retry",
    "同意の文章が新しくなりました",
    "The text has changed",
    "新しい文章を読んでから、もう一度選んでください。",
    "Read it again, then choose.",
  ),
  REPLICA_BEHIND: advice(
    "retry",
    "確認のためのリストを更新しています",
    "Our lists are being updated",
    "少し待って、もう一度押してください。",
    "Wait a moment and press again.",
  ),
  ACCOUNT_NOT_BOUND: advice(
    "sign-in",
    "まだサインインしていません",
    "You are not signed in yet",
    "サインインしてください。",
    "Sign in first.",
  ),
  ACCOUNT_ALREADY_BOUND: advice(
    "start-again",
    "この手続きは、別のアカウントのものです",
    "This session is for another account",
    "もう一度はじめてください。",
    "Start again.",
  ),
  ACCOUNT_MISMATCH: advice(
    "sign-in",
    "はじめたときと違うアカウントでサインインしています",
    "You are signed in with another account",
    "はじめたときのアカウントでサインインしてください。",
    "Sign in with the one that you began with.",
  ),
  SIGN_IN_TOO_OLD: advice(
    "sign-in",
    "サインインしてから時間がたちました",
    "You signed in a while ago",
    "安全のため、もう一度サインインしてください。",
    "To be safe, sign in again.",
  ),
  ACR_NOT_ACCEPTED: advice(
    "sign-in",
    "この手続きには、多要素認証が必要です",
    "This needs a second factor",
    "多要素認証を使って、もう一度サインインしてください。",
    "Sign in again with a second factor.",
  ),
  SIGN_IN_BEFORE_PAIRING: advice(
    "sign-in",
    "もう一度、サインインが必要です",
    "You need to sign in once more",
    "今、不正な操作への注意を強めています。もう一度サインインしてください。",
    "We are being extra careful at the moment. Sign in again.",
  ),
  LINK_NOT_FOUND: advice(
    "status",
    "結びつきが見つかりません",
    "There is no such link",
    "解除するものはありません。結びつけたいときは、はじめから進めてください。",
    "There is nothing to unlink. To link your card, begin on the first page.",
  ),
  CARD_ALREADY_LINKED: advice(
    "help",
    "このカードは、すでに別のアカウントに結びついています",
    "This card is linked to another account already",
    "そのアカウントでサインインして、先に解除してください。心当たりがないときは、ヘルプに連絡してください。",
    "Sign in with that account and unlink it there first. If you know of none, contact the help desk.",
  ),
  ACCOUNT_ALREADY_LINKED: advice(
    "status",
    "このアカウントには、すでにカードが結びついています",
    "Your account has a linked card already",
    "今のカードを確認して、解除するか、新しいカードに取り替えてください。",
    "Look at the linked card, then unlink or replace it.",
  ),
  LINK_CARD_MISMATCH: advice(
    "status",
    "読み取ったカードは、結びついているカードではありません",
    "This is not the linked card",
    "結びつけたカードを使うか、カードを使わずに解除してください。",
    "Use that one, or unlink without a card.",
  ),
  RESULT_CODE_INVALID: advice(
    "service",
    "時間がかかりすぎました",
    "That took too long",
    "元のサービスから、もう一度はじめてください。",
    "Start again from the service.",
  ),
  SESSION_ALREADY_USED: advice(
    "status",
    "この手続きは、すでに終わっています",
    "This was finished already",
    "これ以上することはありません。今の状態を確認できます。",
    "There is nothing more to do. You can look at the state of the link.",
  ),
  LINK_ENDED: advice(
    "status",
    "この結びつきは、すでに解除されています",
    "This card is unlinked already",
    "これ以上することはありません。",
    "There is nothing more to do.",
  ),
};

const cardNotUsable = advice(
  "help",
  "このカードは、ここでは使えません",
  "This card cannot be used here",
  "マイナンバーカードかどうかを確認してください。そうであれば、ヘルプに連絡してください。",
  "Check that it is your My Number Card. If it is, contact the help desk.",
);

const readAgain = advice(
  "card",
  "カードをうまく読み取れませんでした",
  "The card was not read well",
  "カードを、もう一度スマートフォンに当ててください。読み終わるまで動かさないでください。",
  "Hold it to the phone again, and keep still until it is read.",
);

const notValidAnyMore = advice(
  "help",
  "このカードの電子証明書は、使えなくなっています",
  "This card is not valid any more",
  "新しいカードがあれば、それを使ってください。なければ、お住まいの市区町村に相談してください。",
  "If you have a new card, use that one. If not, ask at your municipality.",
);

export const verdictReasons: Record<VerdictReasonName, Advice> = {
  UNSPECIFIED: ourFault,
  TOO_LARGE: cardNotUsable,
  MALFORMED: readAgain,
  TOO_COMPLEX: cardNotUsable,
  VERSION_NOT_SUPPORTED: cardNotUsable,
  ALGORITHM_NOT_ALLOWED: cardNotUsable,
  KEY_NOT_ALLOWED: cardNotUsable,
  UNKNOWN_CRITICAL_EXTENSION: cardNotUsable,
  DIGITAL_SIGNATURE_CERTIFICATE: advice(
    "card",
    "別の電子証明書（署名用）が使われました",
    "The app has used the wrong certificate",
    "長いパスワードではなく、4けたの暗証番号を入力してください。",
    "Give the 4-digit PIN, not the long password.",
  ),
  PHONE_CERTIFICATE: advice(
    "card",
    "スマートフォンの中のマイナンバーカードは、まだ使えません",
    "The My Number Card inside a phone cannot be used yet",
    "カードそのものを、スマートフォンに当ててください。",
    "This needs the card itself. Hold your card to the phone.",
  ),
  TEST_HIERARCHY: advice(
    "card",
    "これはテスト用のカードです",
    "This is a test card",
    "自分のマイナンバーカードを使ってください。",
    "Use your own.",
  ),
  UNKNOWN_POLICY: cardNotUsable,
  WRONG_KEY_USAGE: cardNotUsable,
  WRONG_EXTENDED_KEY_USAGE: cardNotUsable,
  CA_CERTIFICATE: cardNotUsable,
  PROFILE_MISMATCH: cardNotUsable,
  ISSUER_UNKNOWN: cardNotUsable,
  BAD_ISSUER_SIGNATURE: readAgain,
  NOT_YET_VALID: advice(
    "help",
    "このカードの電子証明書は、まだ使える時期になっていません",
    "Your card's certificate is not valid yet",
    "使えるようになってから、もう一度お試しください。",
    "Try again later.",
  ),
  EXPIRED: advice(
    "help",
    "カードの電子証明書の有効期限が切れています",
    "Your card's certificate has expired",
    "お住まいの市区町村で、電子証明書を更新してください。更新は無料です。",
    "Renew it at your municipality.",
  ),
  ISSUER_NOT_IN_USE: cardNotUsable,
  BASIC_CONSTRAINTS_VIOLATED: cardNotUsable,
  PATH_TOO_LONG: cardNotUsable,
  ISSUER_KEY_USAGE: cardNotUsable,
  NAME_CONSTRAINTS_VIOLATED: cardNotUsable,
  POLICY_CONSTRAINTS_VIOLATED: cardNotUsable,
  POSSESSION_FAILED: advice(
    "card",
    "カードの答えが、この手続きに合いません",
    "The card's answer does not fit this session",
    "アプリに出ている接続先とアカウントを確認して、カードをもう一度当ててください。",
    "Check the address and the account that the app shows, and hold the card to the phone again.",
  ),
  PROOF_ALGORITHM_NOT_ALLOWED: advice(
    "help",
    "アプリとこのカードの組み合わせは使えません",
    "The app and this card do not fit",
    "アプリを新しくしてから、もう一度お試しください。",
    "Update the app, then try again.",
  ),
  NAME_STATEMENT_INVALID: advice(
    "card",
    "氏名を確認できませんでした",
    "The name could not be confirmed",
    "カードを、もう一度スマートフォンに当ててください。",
    "Hold the card to the phone again.",
  ),
  NAME_STATEMENT_MISMATCH: advice(
    "card",
    "氏名とカードが合いません",
    "Name and card do not fit",
    "1枚のカードだけを、読み終わるまで当ててください。",
    "Hold one card to the phone until it is read.",
  ),
  REVOKED: notValidAnyMore,
  REVOKED_LATER: notValidAnyMore,
  UNKNOWN_TO_RESPONDER: advice(
    "help",
    "このカードは登録が見つからず、使えません",
    "This card is not known to the register",
    "お住まいの市区町村に相談してください。",
    "It cannot be used here. Ask at your municipality.",
  ),
  REVOCATION_UNAVAILABLE: advice(
    "retry",
    "カードが有効かどうかを、今、確認できません",
    "The card's validity could not be asked about",
    "少し待って「続ける」を押してください。カードをもう一度読み取る必要はありません。",
    "Wait a moment and press “Go on”; the card need not be read again.",
  ),
};

export const tierReasons: Record<TierReason, Advice> = {
  CROSS_SITE: advice(
    "start-again",
    "ほかのサイトからの操作だったため、受け付けませんでした",
    "This came from another site, and was refused",
    "このサイトのページを自分で開いて、もう一度はじめてください。",
    "Open this site yourself and start again.",
  ),
  NO_SESSION: lostSession,
  SESSION_REPLACED: advice(
    "reload",
    "別のタブで、新しい手続きがはじまりました",
    "A new journey was begun in another tab",
    "新しい手続きを、このタブで続けることができます。",
    "You can go on with the new one here.",
  ),
  NOT_SIGNED_IN: advice(
    "sign-in",
    "サインインしていません",
    "You are not signed in",
    "サインインしてください。",
    "Sign in first.",
  ),
  SIGN_IN_CANCELLED: advice(
    "sign-in",
    "サインインをやめました",
    "You stopped signing in",
    "何も変わっていません。続けるときは、もう一度サインインしてください。",
    "Nothing was changed. To go on, sign in again.",
  ),
  SIGN_IN_MISMATCH: advice(
    "sign-in",
    "このサインインは、このブラウザーではじめたものではないか、すでに使われています",
    "This sign-in was not begun in this browser, or was used already",
    "このページから、もう一度サインインしてください。",
    "Sign in again from this page.",
  ),
  SIGN_IN_FAILED: advice(
    "sign-in",
    "サインインできませんでした",
    "Signing in did not work",
    "少し待って、もう一度サインインしてください。",
    "Wait a moment and sign in again.",
  ),
  TOO_MANY_REQUESTS: advice(
    "retry",
    "このネットワークからの操作が多すぎます",
    "Too many requests from your network",
    "1分ほど待って、もう一度お試しください。",
    "Wait about a minute and try again.",
  ),
  DRAINING: advice(
    "retry",
    "システムを入れ替えています",
    "The system is being replaced",
    "すぐに、もう一度お試しください。何も失われていません。",
    "Try again at once. Nothing is lost.",
  ),
};

/** The page could not reach the tier at all. */
export const networkLost: Advice = advice(
  "retry",
  "インターネットにつながりません",
  "There is no connection",
  "接続を確認して、もう一度押してください。手続きは消えていません。",
  "Check your connection and press again. Your journey is not lost.",
);

export const cancelReasons: Record<CancelReasonName, Advice> = {
  UNSPECIFIED: advice(
    "start-again",
    "手続きをやめました",
    "Cancelled",
    "何も結びついていません。もう一度はじめることができます。",
    "Nothing was linked. You can start again.",
  ),
  USER_CANCELLED: advice(
    "start-again",
    "手続きをやめました",
    "You have cancelled",
    "何も変わっていません。カードから読み取ったものがあれば、消しました。もう一度はじめることができます。",
    "Nothing was changed, and anything read from the card is deleted. You can start again.",
  ),
  NOT_ME: advice(
    "start-again",
    "スマートフォンで「私がはじめたものではない」が選ばれました",
    "The phone's owner says: I did not start this",
    "手続きを閉じ、サービスに知らせました。人から送られたQRコードや、読み上げられた番号は使わないでください。",
    "The session is closed, and the service is told. Use no code that somebody sends or reads out to you.",
  ),
  CONSENT_WITHHELD: advice(
    "start-again",
    "スマートフォンで「渡さない」が選ばれました",
    "You chose to give nothing",
    "何も渡していません。カードから読み取ったものは消しました。もう一度はじめることができます。",
    "Nothing was given, and what was read from the card is deleted. You can start again.",
  ),
};

/** Who ended the journey, for a sentence of its own. */
export const endedBy: Record<keyof typeof Party, Words> = {
  UNSPECIFIED: { ja: "", en: "" },
  BROWSER: { ja: "この画面で終わりました。", en: "It was ended in this browser." },
  DEVICE: { ja: "スマートフォンで終わりました。", en: "It was ended on the phone." },
  SERVER: { ja: "システムが終わらせました。", en: "It was ended by the system." },
};

function isKeyOf<T extends object>(table: T, name: string): name is Extract<keyof T, string> {
  return Object.hasOwn(table, name);
}

/**
 * Advice for the name of a reason of a failed call: of the services, the tier, or "NETWORK" (the tier was
 * not reached). An unknown name (a newer server than this page) is a fault of ours.
 */
export function adviceFor(reason: string): Advice {
  if (reason === "NETWORK") return networkLost;
  if (isKeyOf(tierReasons, reason)) return tierReasons[reason];
  if (isKeyOf(errorReasons, reason)) return errorReasons[reason];
  return ourFault;
}

function nameOf<T extends Record<string, number>>(table: T, value: number): keyof T | undefined {
  return Object.keys(table).find((name) => table[name] === value);
}

/** Advice for a verdict that is not VALID. */
export function adviceForVerdict(reason: VerdictReason): Advice {
  return verdictReasons[nameOf(VerdictReason, reason) ?? "UNSPECIFIED"];
}

/** Advice for the way in which somebody stopped. */
export function adviceForCancel(reason: CancelReason): Advice {
  return cancelReasons[nameOf(CancelReason, reason) ?? "UNSPECIFIED"];
}

/** Who ended it, in words. */
export function whoEnded(party: Party): Words {
  return endedBy[nameOf(Party, party) ?? "UNSPECIFIED"];
}
