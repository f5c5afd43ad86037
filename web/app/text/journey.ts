// Words of the journey page.
import type { Words } from "../../ui/i18n.tsx";

export const words = {
  loading: { ja: "手続きを確認しています", en: "Looking for your journey" },

  noneTitle: { ja: "途中の手続きはありません", en: "There is no journey to go on with" },
  noneText: {
    ja: "手続きは終わったか、このブラウザーではまだはじめていません。はじめのページから進んでください。",
    en: "It is over, or was not begun in this browser. Begin on the first page.",
  },
  toHome: { ja: "はじめのページへ", en: "To the first page" },

  unreachableTitle: { ja: "手続きを表示できません", en: "Your journey cannot be shown right now" },
  again: { ja: "もう一度試す", en: "Try again" },

  olderTitle: { ja: "別のタブで続けています", en: "You went on in another tab" },
  olderText: {
    ja: "このタブは止めてあります。新しいタブで続けるか、このタブに切り替えてください。",
    en: "This tab is at rest. Go on in the newer tab, or switch to this one.",
  },
  useThisTab: { ja: "このタブで続ける", en: "Use this tab" },

  replacedTitle: {
    ja: "別のタブで、新しい手続きがはじまりました",
    en: "A new journey was begun in another tab",
  },
  replacedText: {
    ja: "このタブの手続きは使えなくなりました。新しい手続きを、このタブで続けることができます。",
    en: "The journey of this tab cannot be used any more. You can go on with the new one here.",
  },
  useNewOne: { ja: "新しい手続きを続ける", en: "Go on with the new one" },

  // Two devices.
  qrTitle: { ja: "スマートフォンでQRコードを読み取ってください", en: "Scan the QR code with your phone" },
  qrLabel: {
    ja: "スマートフォンでこの手続きを続けるためのQRコード。カメラで読み取ると、アプリが開きます。",
    en: "QR code for going on with this journey on your phone. Scan it with the camera, and the app opens.",
  },
  qrSoon: { ja: "QRコードを用意しています", en: "The QR code is on its way" },
  qrSteps: { ja: "読み取りかた", en: "How to scan" },
  qrStep1: {
    ja: "スマートフォンのカメラを、QRコードに向けます。",
    en: "Point your phone's camera at the QR code.",
  },
  qrStep3: {
    ja: "スマートフォンに6けたの番号が出ます。次の画面で入力します。",
    en: "Your phone shows 6 digits. You type them on the next screen.",
  },
  qrMoves: {
    ja: "QRコードは1秒ごとに変わります。うまく読めなくても、やり直しにはなりません。",
    en: "The QR code changes each second. If a scan fails, just scan again: it costs nothing.",
  },
  qrPrivate: {
    ja: "この画面を人に見せたり、写真を送ったりしないでください。",
    en: "Show this screen to nobody, and send no picture of it.",
  },
  qrLeft: { ja: "QRコードの残り時間", en: "Time left to scan:" },
  moreTime: { ja: "時間を延ばす", en: "More time" },
  qrAltTitle: { ja: "QRコードを使えないとき", en: "If you cannot use the QR code" },
  qrAltText: {
    ja: "このQRコードは、スマートフォンのアプリでこの手続きを続けるためのものです。カードを読み取れるスマートフォンでこのページを開いているときは、QRコードなしで続けられます。",
    en: "The QR code is for going on with this journey in the app on your phone. If this page is open on a phone that can read the card, you can go on without it.",
  },
  thisDevice: { ja: "この端末で続ける", en: "Go on with this device" },
  otherDevice: { ja: "別のスマートフォンで続ける", en: "Go on with another phone" },

  overTitle: { ja: "QRコードの時間が過ぎました", en: "The QR code's time is over" },
  overText: {
    ja: "手続きは続いています。スマートフォンを用意してから、もう一度出してください。",
    en: "Your journey goes on. Get your phone ready, then show the code again.",
  },
  showAgain: { ja: "QRコードをもう一度出す", en: "Show the QR code again" },
  overNone: {
    ja: "QRコードを出せる回数が終わりました。もう一度はじめてください。",
    en: "The code cannot be shown again in this journey. Please start again.",
  },

  codeTitle: {
    ja: "スマートフォンに出ている6けたの番号を入力してください",
    en: "Type the 6 digits that your phone shows",
  },
  codeLabel: { ja: "6けたの番号", en: "6-digit code" },
  codeHint: {
    ja: "アプリの画面に出ている番号です。貼り付けることもできます。",
    en: "The app on your phone shows it. You can paste it, too.",
  },
  codeSend: { ja: "この番号で続ける", en: "Go on" },
  codeLeft: { ja: "番号の残り時間", en: "Time left for this code:" },
  codeForm: {
    ja: "6つの数字を入力してください。まちがいの回数には数えていません。",
    en: "Type the six digits that your phone shows. This cost no try.",
  },
  codeExpired: {
    ja: "番号の時間が過ぎました。スマートフォンで「新しい番号を出す」を押して、新しい番号を入力してください。",
    en: "This code is too old. Press “New code” on the phone, and type the new one.",
  },
  notYours: { ja: "スマートフォンに番号が出ていないとき", en: "If your phone shows no code" },
  notYoursText: {
    ja: "別のスマートフォンが、先にQRコードを読み取ったかもしれません。最初のスマートフォンとのつながりを切って、QRコードを出し直します。",
    en: "Another phone may have scanned the QR code first. You can cut it off and show a new QR code.",
  },

  alarmTitle: {
    ja: "別のスマートフォンも、QRコードを読み取ろうとしました",
    en: "Another phone tried to scan the QR code, too",
  },
  alarmText: {
    ja: "最初に読み取ったスマートフォンが自分のものなら、そのまま続けられます。",
    en: "If the phone that scanned first is yours, you can simply go on.",
  },
  carryOn: { ja: "私のスマートフォンです。続ける", en: "It is mine: go on" },
  notMine: { ja: "最初のスマートフォンは私のものではありません", en: "The first phone was not mine" },

  progressTitle: { ja: "スマートフォンで続けてください", en: "Go on with your phone" },
  progressKeep: {
    ja: "この画面は、スマートフォンで終わると自動で進みます。閉じてしまっても、このブラウザーで続きから再開できます。",
    en: "This screen goes on by itself when you are done. If you close it, this browser can take it up again.",
  },
  stepsLabel: { ja: "手続きの進みぐあい", en: "Progress" },
  stepScan: { ja: "QRコードを読み取る", en: "Scan the QR code" },
  stepCode: { ja: "番号を入力する", en: "Type the code" },
  stepApp: { ja: "アプリを開く", en: "Open the app" },
  stepCard: { ja: "暗証番号を入力し、カードを読み取る", en: "Enter the PINs and read the card" },
  stepConsent: { ja: "内容を確認して、許可する", en: "Check what is given, and allow it" },
  stepBackPc: { ja: "この画面に戻る", en: "Come back to this screen" },
  stepBack: { ja: "ブラウザーに戻る", en: "Come back to the browser" },
  nowCard: {
    ja: "つながりました。スマートフォンで暗証番号を入力し、カードを読み取ってください。",
    en: "Connected. Enter your PINs on the phone and hold the card to it.",
  },
  nowConsent: {
    ja: "カードを確認しました。スマートフォンで内容を読み、許可してください。",
    en: "The card is confirmed. Read on the phone what is given, and allow it.",
  },

  // One device.
  openText: {
    ja: "アプリで、カードの読み取りと確認をします。終わると、このブラウザーに戻ります。",
    en: "In the app you read the card and check what is given. Then you come back to this browser.",
  },
  openReady: {
    ja: "マイナンバーカードと、4けたの暗証番号を用意してください。",
    en: "Have your My Number Card and its 4-digit PINs ready.",
  },
  waitingTitle: { ja: "アプリで続けてください", en: "Go on in the app" },
  waitingText: {
    ja: "アプリが終わると、このブラウザーに戻ります。このページは開いたままにしてください。",
    en: "When the app is done you come back to this browser. Leave this page open.",
  },
  notOpened: { ja: "アプリが開かないとき", en: "If the app did not open" },
  notInstalled: {
    ja: "アプリが入っていないときは、先に入れてください。",
    en: "If it is not installed, install it first.",
  },
  notSetUp: {
    ja: "アプリの利用登録の画面が出たときは、登録を済ませてから、この画面に戻って、もう一度開いてください。",
    en: "If the app asks you to set it up, do that first, then come back here and open it again.",
  },
  iosStore: { ja: "iPhone用のアプリを入れる", en: "Install for iPhone" },
  androidStore: { ja: "Android用のアプリを入れる", en: "Install for Android" },
  otherNeedsNew: {
    ja: "アプリを開いたあとは、この手続きはこの端末だけで続きます。別のスマートフォンを使うときは、はじめからやり直します。",
    en: "Once the app was opened, this journey goes on with this device alone. To use another phone, begin anew.",
  },
  beginOther: { ja: "別のスマートフォンで、はじめからやり直す", en: "Begin anew with another phone" },
  returnTitle: { ja: "アプリから、このブラウザーに戻ってください", en: "Come back from the app" },
  returnText: {
    ja: "アプリの「ブラウザーに戻る」を押してください。押さなくても、10秒たつと自動で戻ります。",
    en: "Press “Return” in the app. It also comes back by itself after 10 seconds.",
  },

  // The end.
  resumeTitle: { ja: "もう一度、サインインしてください", en: "Please sign in once more" },
  resumeText: {
    ja: "カードの確認は済んでいます。画面を開き直したので、あなたであることを確かめてから続けます。",
    en: "Your card is confirmed. This page was opened anew, so we make sure that it is you before going on.",
  },
  signIn: { ja: "サインインする", en: "Sign in" },
  resumeVerifyTitle: { ja: "続きから進められます", en: "You can go on" },
  resumeVerifyText: {
    ja: "カードの確認は済んでいます。あなたがはじめた手続きなら、続けてください。",
    en: "Your card is confirmed. Go on if it was you who began.",
  },
  goOn: { ja: "続ける", en: "Go on" },
  completingTitle: { ja: "カードを確認しました", en: "Your card is confirmed" },
  completing: { ja: "次の画面を用意しています", en: "The next screen is on its way" },
  resultTitle: { ja: "元のサービスに戻ります", en: "Back to the service" },
  resultText: {
    ja: "カードの確認が終わりました。自動で戻らないときは、ボタンを押してください。",
    en: "Your card is confirmed. If nothing happens by itself, press the button.",
  },
  toService: { ja: "元のサービスに戻る", en: "Back to the service" },
  usedTitle: { ja: "この手続きは終わっています", en: "This journey is done" },
  usedText: { ja: "これ以上することはありません。", en: "There is nothing more to do." },
  toStatus: { ja: "今の状態を見る", en: "See the state of your link" },

  expiredTitle: { ja: "時間が過ぎました", en: "Time is up" },
  expiredText: {
    ja: "安全のため、手続きを終わりました。カードから読み取ったものは消しました。何も変わっていません。",
    en: "To be safe, the journey was ended. Anything read from the card is deleted; nothing was changed.",
  },
  failedTitle: { ja: "手続きを続けられません", en: "This journey cannot go on" },
  failedCode: {
    ja: "まちがった番号が5回入力されました。もう一度はじめて、新しいQRコードを読み取ってください。",
    en: "The code was wrong five times. Start again, and scan the new QR code.",
  },
  failedCard: {
    ja: "カードの確認が3回できませんでした。もう一度はじめてください。くり返すときは、お住まいの市区町村に相談してください。",
    en: "The card could not be confirmed three times. Start again; if it happens again, ask at your municipality.",
  },
  startAgain: { ja: "もう一度はじめる", en: "Start again" },

  // Everywhere.
  stop: { ja: "手続きをやめる", en: "Stop" },
  stopTitle: { ja: "手続きをやめますか？", en: "Stop?" },
  stopText: {
    ja: "やめると、何も変わらずに終わります。カードから読み取ったものがあれば、消します。戻れば、そのまま続けられます。",
    en: "If you stop, nothing is changed, and anything read from the card is deleted. If you go back, everything stays as it is.",
  },
  stopConfirm: { ja: "やめる", en: "Stop" },
  goBack: { ja: "戻る", en: "Go back" },
  offlineTitle: { ja: "インターネットにつながっていません", en: "You are offline" },
  downTitle: { ja: "つながりにくくなっています", en: "The connection is lost" },
  downText: {
    ja: "自動でつなぎ直しています。手続きは消えていません。",
    en: "We are reconnecting. Your journey is not lost.",
  },
  reconnect: { ja: "今すぐつなぎ直す", en: "Reconnect now" },
  sessionLeft: { ja: "手続きの残り時間", en: "Time left for the whole journey:" },
} as const;

/** Words with something of the moment in them. */
export const phrases = {
  qrStep2: (app: Words): Words => ({ ja: `「${app.ja}」が開きます。`, en: `${app.en} opens.` }),
  openTitle: (app: Words): Words => ({ ja: `「${app.ja}」を開きます`, en: `Open ${app.en}` }),
  openApp: (app: Words): Words => ({ ja: `${app.ja}を開く`, en: `Open ${app.en}` }),
  openAgain: (app: Words): Words => ({ ja: `${app.ja}をもう一度開く`, en: `Open ${app.en} again` }),
  wrongCode: (left: number): Words => ({
    ja: `番号が違います。スマートフォンの番号を、もう一度見てください。あと${left}回入力できます。`,
    en: `These are not the digits on your phone. Look again; ${left === 1 ? "1 try is" : `${left} tries are`} left.`,
  }),
  lastTry: (left: number): Words => ({ ja: `あと${left}回入力できます。`, en: `${left} tries are left.` }),
  proofsLeft: (left: number): Words => ({
    ja: `カードの読み取りは、あと${left}回できます。`,
    en: left === 1 ? "The card can be read once more." : `The card can be read ${left} more times.`,
  }),
  refreshesLeft: (left: number): Words => ({
    ja: `あと${left}回出せます。`,
    en: left === 1 ? "It can be shown once more." : `It can be shown ${left} more times.`,
  }),
};
