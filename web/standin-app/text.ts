// The words of the stand-in, ja and en side by side. What a reason means is in ui/reasons.ts.
import { Act } from "../gen/musubi/v1/common_pb.ts";
import type { LocalizedText } from "../gen/musubi/v1/common_pb.ts";
import type { Words } from "../ui/i18n.tsx";
import type { Pin } from "./card.ts";
import type { Trouble } from "./scan/machine.ts";
import type { Ending } from "./state.ts";

export const words = {
  app: { ja: "認証アプリ（見本）", en: "Authentication app (stand‑in)" },
  aboutApp: {
    ja: "これは、認証アプリの代わりをする見本です。カードはファイルで、読み取りと暗証番号の回数は、まねごとです。",
    en: "This stands in for the authentication app. Its card is a file; reading it and counting PIN tries are simulated.",
  },
  simulation: { ja: "見本の操作", en: "Simulation" },
  loading: { ja: "読み込んでいます…", en: "Loading…" },
  next: { ja: "次へ", en: "Next" },
  back: { ja: "前の画面に戻る", en: "Back" },
  close: { ja: "閉じる", en: "Close" },
  tryAgain: { ja: "もう一度試す", en: "Try again" },

  // Facts.
  whoAsks: { ja: "お願いしている相手", en: "Who asks" },
  whatFor: { ja: "すること", en: "What will be done" },
  purpose: { ja: "使いみち", en: "What it is for" },
  account: { ja: "アカウント", en: "Account" },
  accountLater: { ja: "まだ決まっていません（あとでサインインします）", en: "None yet: you sign in later" },
  accountHidden: { ja: "表示できる名前がありません", en: "Has no name that can be shown" },
  browser: { ja: "はじめたブラウザー", en: "Browser that began this" },
  unknown: { ja: "わかりません", en: "Unknown" },
  origin: { ja: "接続先", en: "Connected to" },
  given: { ja: "渡すもの", en: "What is given" },
  cardIsThere: { ja: "このカードが手元にあること", en: "That this card is in your hand" },
  name: { ja: "氏名", en: "Name" },
  policy: { ja: "プライバシーポリシー", en: "Privacy policy" },
  terms: { ja: "利用規約", en: "Terms of use" },

  // Home, cards.
  homeTitle: { ja: "アプリの準備ができています", en: "The app is ready" },
  homeTitleBare: { ja: "アプリの準備をしてください", en: "Set up the app" },
  homeHow: {
    ja: "パソコンのQRコードをスマートフォンのカメラで読み取るか、ブラウザーで「アプリを開く」を押してください。ここから手続きが進みます。",
    en: "Scan the QR code on your PC with the phone's camera, or press “Open the app” in your browser. It goes on here.",
  },
  scan: { ja: "QRコードを読み取る", en: "Scan the QR code" },
  scanHow: {
    ja: "カメラのまねごとです。パソコンのQRコードが出ているウィンドウか画面を選ぶと、そこから読み取ります。読み取れたら、見るのをやめます。",
    en: "This simulates the camera. Choose the window or screen that shows the PC's QR code: it is read from there, and then nothing is looked at any more.",
  },
  scanLooking: { ja: "QRコードを探しています…", en: "Looking for the QR code…" },
  scanOther: {
    ja: "見えているのは、別のQRコードです。手続きのQRコードを探しています…",
    en: "There is another QR code. Looking for the one of your journey…",
  },
  scanStop: { ja: "読み取りをやめる", en: "Stop scanning" },
  scanPicture: { ja: "または、画面の画像を選ぶ", en: "Or choose a screenshot" },
  scanPictureHint: {
    ja: "この画面に貼り付けることもできます（Ctrl+V）。QRコードは毎秒変わるので、15秒以内に撮った画像を使ってください。",
    en: "You can also paste it on this page (Ctrl+V). The QR code changes every second: a screenshot is good for 15 seconds.",
  },
  cardsOpen: { ja: "カードと見本の設定", en: "Cards and simulation" },
  cardsTitle: { ja: "カードと見本の設定", en: "Cards and simulation" },
  cardsNone: { ja: "カードは、まだありません。", en: "There is no card yet." },
  cardFile: { ja: "カードのファイルを選ぶ", en: "Choose a card file" },
  cardFileHint: {
    ja: "「.card.json」で終わるファイルです。本物のカードの代わりに使います。",
    en: "A file that ends in “.card.json”. It stands for a real card.",
  },
  cardRemove: { ja: "このカードを消す", en: "Remove this card" },
  cardReset: { ja: "窓口で初期化する", en: "Reset at the counter" },
  switches: { ja: "見本の切り替え", en: "Switches" },
  notInstalled: { ja: "アプリが入っていない状態にする", en: "Behave as if the app were not installed" },
  installTitle: { ja: "認証アプリが入っていません", en: "The app is not installed" },
  installText: {
    ja: "アプリが入っていないスマートフォンでは、インストールの案内が出ます。インストールすると、手続きをここから続けられます。ブラウザーの手続きは、そのまま待っています。",
    en: "A phone without the app shows how to install it. Once it is installed, you go on from here. Your browser keeps waiting.",
  },
  installDo: { ja: "インストールした", en: "It is installed now" },

  // Opened.
  openedTitle: { ja: "手続きを受け取りますか", en: "Take this over?" },
  openedQr: {
    ja: "QRコードを読み取りました。「続ける」を押すと、このスマートフォンで手続きを受け取ります。",
    en: "A QR code was scanned. Press “Continue”, and this phone takes over.",
  },
  openedHandoff: {
    ja: "ブラウザーから開かれました。「続ける」を押すと、このアプリで手続きを受け取ります。",
    en: "Your browser has opened the app. Press “Continue”, and the app takes over.",
  },
  openedSent: {
    ja: "QRコードやリンクが人から送られてきたときは、続けないでください。",
    en: "Do not go on if somebody sent you the code or link.",
  },
  continue: { ja: "続ける", en: "Continue" },
  damagedTitle: { ja: "このリンクは読み取れません", en: "This link cannot be read" },
  damagedText: {
    ja: "リンクが途中で切れているか、別のアプリのものです。QRコードをもう一度読み取るか、ブラウザーで「アプリを開く」をもう一度押してください。",
    en: "It is cut off, or meant for another app. Scan the QR code again, or press “Open the app” in your browser again.",
  },
  costsNothing: {
    ja: "まちがいには数えません。手続きは、そのまま続いています。",
    en: "This cost nothing. Your journey goes on.",
  },

  // Who.
  whoTitle: { ja: "自分ではじめた手続きですか", en: "Did you start this yourself?" },
  whoYes: { ja: "はい、続ける", en: "Yes, continue" },
  notMe: { ja: "私がはじめたものではない", en: "I did not start this" },
  stop: { ja: "やめる", en: "Stop" },

  // Code.
  codeTitle: { ja: "この番号をパソコンに入力してください", en: "Type this code on your PC" },
  codeNew: { ja: "新しい番号を出す", en: "New code" },
  codeLeft: { ja: "この番号が使える時間：あと", en: "Good for another" },
  codeOver: { ja: "番号の時間が過ぎました", en: "This code is too old" },
  codeOverText: {
    ja: "新しい番号を出して、それをパソコンに入力してください。手続きはそのまま続いています。",
    en: "Get a new one and type that on your PC. Nothing is lost.",
  },
  codeMaking: { ja: "番号を用意しています…", en: "Getting a code…" },
  codeWaits: {
    ja: "パソコンに入力すると、この画面は自動で先に進みます。",
    en: "Once you have typed it on the PC, this page goes on by itself.",
  },
  codeSecret: {
    ja: "この番号を、電話やメッセージで人に教えないでください。",
    en: "Never tell this code to anybody, by phone or message.",
  },

  // Set-up, unlock, start.
  setupTitle: { ja: "先に、アプリの準備をします", en: "First, set up the app" },
  setupText: {
    ja: "このアプリには、まだカードがありません。カードのファイルを選ぶと、続きに進みます。はじめた画面は、そのまま待っています。",
    en: "The app has no card yet. Choose a card file, and it goes on. The page where you began keeps waiting.",
  },
  notACard: { ja: "このファイルは、見本のカードではありません", en: "This file is no card" },
  notACardText: {
    ja: "名前が「.card.json」で終わるファイルを、もう一度選んでください。何も失われていません。",
    en: "Choose one whose name ends in “.card.json”. Nothing is lost.",
  },
  unlockTitle: { ja: "スマートフォンのロックを解除してください", en: "Unlock your phone" },
  unlockText: {
    ja: "本物のアプリは、ここで指紋・顔・パスコードを確認します。",
    en: "The real app asks for your fingerprint, face or passcode here.",
  },
  unlockDo: { ja: "ロックを解除した", en: "It is unlocked" },
  startTitle: { ja: "内容を確認して、はじめてください", en: "Check this, then start" },
  startNeeds: { ja: "カードと、次の暗証番号を使います。", en: "You need your card and:" },
  start: { ja: "はじめる", en: "Start" },

  // PINs.
  pinField: { ja: "暗証番号（4けた）", en: "PIN (4 digits)" },
  pinStays: {
    ja: "暗証番号は、このスマートフォンの外に出ません。",
    en: "The PIN never leaves this phone.",
  },
  pinSame: { ja: "直前と同じ番号を使う", en: "Same as before" },
  pinLast: { ja: "あと1回まちがえると、ロックされます", en: "One more mistake locks this PIN" },
  pinLastText: {
    ja: "番号に自信がないときは、ここで「やめる」を押してください。ロックされたら、お住まいの市区町村の窓口で初期化が必要です。",
    en: "If you are not sure, stop here. A locked PIN must be reset at the counter of your municipality.",
  },
  pinSimulated: {
    ja: "まちがえた回数は、この見本が数えています（本物では、カードが数えます）。",
    en: " This stand-in counts the tries itself; a real card does that.",
  },

  // Reading.
  readTitle: { ja: "カードを読み取ります", en: "Read the card" },
  readHow: {
    ja: "カードを平らな所に置き、スマートフォンの裏側を、カードの真ん中に当ててください。準備ができたら「読み取り開始」を押します。",
    en: "Lay the card on a flat surface and hold the back of your phone to its middle. Then press “Start reading”.",
  },
  readSlow: {
    ja: "時間がかかったため、もう一度カードを当ててください。暗証番号は、そのままです。",
    en: "That took a while: hold the card to the phone once more. Your PINs are kept.",
  },
  readAgain: {
    ja: "もう一度カードを当ててください。暗証番号は、そのままです。",
    en: "Hold the card to the phone once more. Your PINs are kept.",
  },
  readWhich: { ja: "どのカードを当てますか", en: "Which card do you hold to the phone?" },
  readStart: { ja: "読み取り開始", en: "Start reading" },
  readingTitle: { ja: "そのまま動かさないでください", en: "Keep still" },
  reading: { ja: "カードを読み取っています…", en: "Reading the card…" },
  lift: { ja: "カードを離す", en: "Lift the card" },
  liftedTitle: { ja: "カードが離れました", en: "The card was lifted too soon" },
  liftedText: {
    ja: "何も失われていません。暗証番号の入力も、やり直さなくてかまいません。カードをもう一度当ててください。",
    en: "Nothing is lost, and you need not enter your PINs again. Hold the card to the phone once more.",
  },
  liftedAgain: { ja: "もう一度当てる", en: "Hold it again" },
  sendingTitle: { ja: "読み取りました", en: "The card is read" },
  sending: {
    ja: "カードは離してかまいません。データを送って、確認しています…",
    en: "You can put the card away. Sending and checking…",
  },

  // Verdicts.
  keptTitle: { ja: "カードが有効かどうかを、今、確認できません", en: "The card cannot be checked right now" },
  keptText: {
    ja: "カードの情報を確認する所が、今、答えていません。読み取ったものは残してあります。少し待って「もう一度試す」を押してください。カードも暗証番号も、いりません。",
    en: "The place that knows about cards does not answer. What was read is kept: wait a moment and press “Try again”. You need neither card nor PIN.",
  },
  keptLeft: { ja: "残しておける時間：あと", en: "It is kept for another" },
  otherCard: { ja: "別のカードを使う", en: "Use another card" },
  holdAgain: { ja: "もう一度カードを当てる", en: "Hold the card again" },
  refusedTitle: {
    ja: "相手が違うため、止めました",
    en: "Stopped: this is not who you think it is",
  },
  refusedText: {
    ja: "あなたと私たちの間に、だれかが入り込んでいるかもしれません。カードは使っていません。このまま続けず、「終わらせて知らせる」を押してください。",
    en: "Somebody may stand between you and us. Your card was not used. Do not go on: press “End it and report”.",
  },

  // Consent.
  allow: { ja: "許可する", en: "Allow" },
  consentChanged: {
    ja: "文章が新しくなりました。もう一度読んでから、選んでください。",
    en: "The text has changed. Read it again, then choose.",
  },

  // The end.
  returnTitle: { ja: "ブラウザーに戻ります", en: "Back to your browser" },
  returnText: {
    ja: "アプリですることは、終わりました。続きはブラウザーです。",
    en: "You are done in the app. It goes on in your browser.",
  },
  returnGone: {
    ja: "ブラウザーを開きました。開かないときは、もう一度押してください。",
    en: "Your browser was opened. If it was not, press again.",
  },
  returnDo: { ja: "ブラウザーに戻る", en: "Return to your browser" },
  returnStay: { ja: "ここにとどまる", en: "Stay here" },
  donePcTitle: { ja: "パソコンの画面に戻ってください", en: "Go back to your PC" },
  donePcText: {
    ja: "スマートフォンですることは、終わりました。続きはパソコンの画面に出ています。",
    en: "You are done on the phone. It goes on on the screen of your PC.",
  },
  doneBrowserTitle: { ja: "ブラウザーで続けてください", en: "Go on in your browser" },
  toBrowser: { ja: "はじめたページを開く", en: "Open the page where you began" },

  // Dialogs, trouble.
  stopTitle: { ja: "やめますか", en: "Stop?" },
  stopText: {
    ja: "やめると、この手続きは終わります。カードから読み取ったものがあれば、消します。もう一度はじめることができます。",
    en: "If you stop, this journey ends, and anything read from the card is deleted. You can begin again.",
  },
  stopBack: { ja: "戻る", en: "Go back" },
  notMeTitle: { ja: "自分ではじめたものではないと知らせますか", en: "Report that you did not start this?" },
  notMeText: {
    ja: "手続きをすぐに終わらせ、サービスに知らせます。",
    en: "The journey ends at once, and the service is told.",
  },
  notMeDo: { ja: "終わらせて知らせる", en: "End it and report" },
  offlineTitle: { ja: "つながっていません", en: "The connection is lost" },
  offlineText: {
    ja: "入力したものは残っています。つながると、自動で続きます。",
    en: "What you entered is kept. It goes on by itself once the connection is back.",
  },
  offlineDo: { ja: "今すぐつなぐ", en: "Connect now" },
} satisfies Record<string, Words>;

/** Why nothing was scanned, and what to do next. */
export const scanTroubles: Record<Trouble, { title: Words; text: Words }> = {
  NO_QR: {
    title: { ja: "QRコードが見つかりません", en: "There is no QR code" },
    text: {
      ja: "QRコードの全体が写るように、大きく表示してから、もう一度試してください。何も失われていません。",
      en: "Make sure that all of it is in the picture and large enough, and try again. Nothing is lost.",
    },
  },
  OTHER_QR: {
    title: { ja: "このアプリのQRコードではありません", en: "This QR code is not for this app" },
    text: {
      ja: "はじめたページの「QRコード」の画面を、読み取ってください。",
      en: "Scan the one on the page where you began.",
    },
  },
  REFUSED: {
    title: { ja: "画面を見ることが、許可されませんでした", en: "The app may not look at the screen" },
    text: {
      ja: "もう一度押して、ウィンドウを選んでください。または、画面の画像を下で選んでください。",
      en: "Press again and choose a window, or choose a screenshot below.",
    },
  },
  UNSUPPORTED: {
    title: { ja: "このブラウザーでは、画面を読み取れません", en: "This browser cannot do that" },
    text: {
      ja: "画面の画像を下で選ぶか、貼り付けてください。",
      en: "Choose a screenshot below, or paste it.",
    },
  },
  FAILED: {
    title: { ja: "読み取れませんでした", en: "Nothing could be read" },
    text: {
      ja: "もう一度試すか、下で、画面の画像（PNGなど）を選んでください。",
      en: "Try again, or choose a screenshot below, for example a PNG file.",
    },
  },
};

export const pinNames: Record<Pin, Words> = {
  AUTHENTICATION: { ja: "利用者証明用の暗証番号", en: "Authentication PIN" },
  CARD_INFO: { ja: "券面事項入力補助用の暗証番号", en: "Card-info PIN" },
};

export const pinHints: Record<Pin, Words> = {
  AUTHENTICATION: {
    ja: "カードを受け取ったときに決めた、4けたの数字です。本人であることを示します。",
    en: "4 digits that you chose when you got your card. They show that it is you.",
  },
  CARD_INFO: {
    ja: "カードを受け取ったときに決めた、4けたの数字です。カードから氏名を読み取ります。",
    en: "4 digits that you chose when you got your card. They let your name be read.",
  },
};

export function triesLeft(tries: number): Words {
  return {
    ja: `あと${tries}回入力できます。`,
    en: tries === 1 ? "1 try is left." : `${tries} tries are left.`,
  };
}

export function pinWrong(tries: number): Words {
  const left = triesLeft(tries);
  return { ja: `暗証番号が違います。${left.ja}`, en: `This PIN is wrong. ${left.en}` };
}

export function lockedTitle(pin: Pin): Words {
  const name = pinNames[pin];
  return {
    ja: `${name.ja}がロックされています`,
    en: `The ${name.en.toLowerCase().replace("pin", "PIN")} is locked`,
  };
}

export const lockedText: Words = {
  ja: "3回まちがえたため、この暗証番号は使えません。お住まいの市区町村の窓口で、初期化（ロックの解除と再設定）をしてください。本人確認書類とカードが必要です。別のカードがあれば、それを使うこともできます。",
  en: "It was wrong 3 times and cannot be used any more. Have it reset at the counter of your municipality: bring the card and an identity document. If you have another card, you can use that one.",
};

export function proofsLeft(tries: number): Words {
  return {
    ja: `この手続きでは、あと${tries}回試せます。`,
    en:
      tries === 1
        ? "You can try once more in this journey."
        : `You can try ${tries} more times in this journey.`,
  };
}

export function returnIn(seconds: number): Words {
  return {
    ja: `${seconds}秒後に、自動で戻ります。`,
    en:
      seconds === 1 ? "You return by yourself in 1 second." : `You return by yourself in ${seconds} seconds.`,
  };
}

type KnownAct = Exclude<(typeof Act)[keyof typeof Act], typeof Act.UNSPECIFIED>;

/** What an act does, with its verb; `who` is the relying party. */
const acts: Record<KnownAct, { short: Words; long: (who: LocalizedText) => Words; allow: Words }> = {
  [Act.LINK]: {
    short: { ja: "カードを結びつける", en: "Link your card" },
    long: (who) => ({
      ja: `あなたのカードを、${who.ja}のアカウントに結びつけます。`,
      en: `Link your card to your ${who.en} account.`,
    }),
    allow: { ja: "カードを結びつけることを許可しますか", en: "Allow this card to be linked?" },
  },
  [Act.UNLINK]: {
    short: { ja: "カードの結びつきを解除する", en: "Unlink your card" },
    long: (who) => ({
      ja: `あなたのカードと、${who.ja}のアカウントの結びつきを解除します。`,
      en: `Unlink your card from your ${who.en} account.`,
    }),
    allow: { ja: "結びつきを解除することを許可しますか", en: "Allow this card to be unlinked?" },
  },
  [Act.VERIFY]: {
    short: { ja: "本人であることを示す", en: "Prove that it is you" },
    long: (who) => ({
      ja: `結びつけたカードが手元にあることを、${who.ja}に示します。アカウントの回復などに使われます。`,
      en: `Prove to ${who.en} that you hold the linked card, for example to recover your account.`,
    }),
    allow: { ja: "本人であることを示しますか", en: "Allow this proof that it is you?" },
  },
  [Act.REPLACE]: {
    short: { ja: "カードを取り替える", en: "Replace your card" },
    long: (who) => ({
      ja: `${who.ja}のアカウントに結びついたカードを、このカードに取り替えます。`,
      en: `Replace the card that is linked to your ${who.en} account with this one.`,
    }),
    allow: { ja: "このカードに取り替えることを許可しますか", en: "Allow the card to be replaced?" },
  },
};

/** A newer act than this app knows is never allowed: it has no words. */
export function actWords(act: Act | undefined): (typeof acts)[KnownAct] | null {
  return act !== undefined && Object.hasOwn(acts, act) ? acts[act as KnownAct] : null;
}

/** Without words of cancelReasons, for these are the phone's own. */
export const endings: Record<Ending, { title: Words; text: Words }> = {
  STOPPED: {
    title: { ja: "手続きをやめました", en: "You have stopped" },
    text: {
      ja: "何も変わっていません。カードから読み取ったものがあれば、消しました。",
      en: "Nothing was changed, and anything read from the card is deleted.",
    },
  },
  NOT_ME: {
    title: { ja: "手続きを終わらせ、知らせました", en: "The journey is ended and reported" },
    text: {
      ja: "あなたのカードは使われていません。人から送られたQRコードやリンクは、開かないでください。",
      en: "Your card was not used. Open no code or link that somebody sends you.",
    },
  },
  WITHHELD: {
    title: { ja: "何も渡さずに、やめました", en: "You have stopped, and gave nothing" },
    text: {
      ja: "何も変わっていません。カードから読み取ったものは、消しました。",
      en: "Nothing was changed, and what was read from the card is deleted.",
    },
  },
  STOPPED_THERE: {
    title: { ja: "ブラウザーの画面で、手続きが終わりました", en: "This was stopped in the browser" },
    text: {
      ja: "何も変わっていません。続けたいときは、ブラウザーで、もう一度はじめてください。",
      en: "Nothing was changed. To go on, begin again in the browser.",
    },
  },
  ENDED_BY_SERVICE: {
    title: { ja: "システムが、手続きを終わらせました", en: "The service has ended this" },
    text: {
      ja: "何も変わっていません。ブラウザーで、もう一度はじめてください。",
      en: "Nothing was changed. Begin again in the browser.",
    },
  },
  EXPIRED: {
    title: { ja: "時間が過ぎました", en: "Time is up" },
    text: {
      ja: "カードから読み取ったものは、消しました。ブラウザーで、もう一度はじめてください。",
      en: "Anything read from the card is deleted. Begin again in the browser.",
    },
  },
  FAILED: {
    title: { ja: "まちがいが続いたため、終わりました", en: "Too many tries: this is over" },
    text: {
      ja: "安全のため、この手続きを終わらせました。ブラウザーで、もう一度はじめてください。",
      en: "To be safe, this journey was ended. Begin again in the browser.",
    },
  },
  REPLACED: {
    title: { ja: "パソコンの画面が、新しいQRコードに変わりました", en: "The PC shows a new QR code" },
    text: {
      ja: "このスマートフォンとのつながりは、終わりました。続けるときは、今、画面に出ているQRコードを読み取ってください。",
      en: "This phone is not connected to it any more. To go on, scan the code that is on the screen now.",
    },
  },
};
