// Words of the first page.
import type { Words } from "../../ui/i18n.tsx";
import type { AppInfo } from "../../shared/page.ts";

export const words = {
  title: { ja: "マイナンバーカードをアカウントに結びつける", en: "Link your My Number Card to your account" },
  lead: {
    ja: "一度だけ結びつけておくと、パスワードを忘れたときや、スマートフォンをなくしたときに、カードで本人であることを示せます。",
    en: "Do it once. Then, if you forget your password or lose your phone, your card proves that it is you.",
  },
  short: {
    ja: "5分ほどで終わります。途中でやめても、何も変わりません。",
    en: "It takes about five minutes. If you stop on the way, nothing is changed.",
  },

  beginTitle: { ja: "カードを読み取る端末を選んでください", en: "Choose the device that reads your card" },
  recommended: { ja: "かんたん", en: "Simplest" },
  thisPhone: { ja: "このスマートフォンで", en: "With this phone" },
  thisPhoneText: {
    ja: "1台で全部できます。アプリを開き、終わるとこのブラウザーに戻ります。",
    en: "One phone does it all. The app opens, and you come back to this browser.",
  },
  thisPhoneButton: { ja: "このスマートフォンではじめる", en: "Begin with this phone" },
  otherPhone: { ja: "別のスマートフォンで", en: "With another phone" },
  otherPhoneText: {
    ja: "この画面にQRコードが出ます。スマートフォンのカメラで読み取ります。パソコンからはこちらです。",
    en: "This screen shows a QR code, and your phone's camera scans it. Choose this on a PC.",
  },
  otherPhoneButton: { ja: "別のスマートフォンではじめる", en: "Begin with another phone" },
  onePhoneTip: {
    ja: "スマートフォンだけで進めるほうがかんたんです。このページをスマートフォンで開いても、はじめられます。",
    en: "A phone alone is the simpler way: you can also open this page on your phone and begin there.",
  },
  thenSignIn: {
    ja: "押すと、はじめにアカウントのサインイン画面が開きます。",
    en: "First, the sign-in page of your account opens.",
  },
  thenCard: {
    ja: "押すと、カードの読み取りからはじまります。サインインはあとでします。",
    en: "You begin with the card, and sign in afterwards.",
  },

  needTitle: { ja: "用意するもの", en: "What you need" },
  needCard: { ja: "マイナンバーカード（カードそのもの）", en: "Your My Number Card, the card itself" },
  needPhoneCard: {
    ja: "スマートフォンの中のマイナンバーカードは、まだ使えません",
    en: "A smartphone My Number Card cannot be used yet",
  },
  needPhoneCardText: {
    ja: "iPhoneのマイナンバーカードや、スマホ用電子証明書では進めません。カードそのものが必要です。",
    en: "The card on an iPhone and the certificates for Android phones do not work here. The card itself is needed.",
  },
  needPins: { ja: "4けたの暗証番号（2つ）", en: "Both 4-digit PINs" },
  needPinsText: {
    ja: "「利用者証明用電子証明書」と「券面事項入力補助用」の番号です。同じ番号にした人もいます。忘れたときや、ロックされたときは、お住まいの市区町村で再設定できます。",
    en: "For the user-authentication certificate and for the card-info input support; many people chose the same for both. If you forgot one or it is locked, your municipality can reset it.",
  },
  phones: { ja: "使えるスマートフォンの一覧", en: "List of phones that can be used" },

  howTitle: { ja: "手続きの流れ", en: "What will happen" },
  stepSignIn: { ja: "アカウントでサインインする", en: "Sign in with your account" },
  stepDecide: {
    ja: "カードとアカウントを見くらべて、結びつける",
    en: "See card and account side by side, and link them",
  },
  givenTitle: { ja: "何が伝わりますか？", en: "What is given to the service?" },
  givenText: {
    ja: "カードが有効であることと、サービスが求めるもの（氏名など）です。渡すものは、許可する前に、すべてアプリの画面に出ます。マイナンバー（12けたの番号）は使いません。暗証番号はスマートフォンの外に出ません。",
    en: "That your card is valid, and what the service asks for, such as your name. The app shows everything that is given, before you agree. Your My Number (the 12 digits) is never used, and no PIN leaves the phone.",
  },

  resumeTitle: { ja: "途中の手続きがあります", en: "You have a journey to go on with" },
  resumeButton: { ja: "続きから進める", en: "Go on where you were" },
  leftTitle: { ja: "この端末での利用を終わりました", en: "You have left this device" },
  leftText: {
    ja: "手続きとサインインの記録を、このブラウザーから消しました。共用の端末では、ブラウザーの窓も閉じてください。",
    en: "This browser has forgotten your journey and your sign-in. On a shared device, close the browser's window, too.",
  },
  alreadyTitle: { ja: "もう結びつけた方", en: "Linked already?" },
  alreadyText: {
    ja: "今の状態の確認、カードの取り替え、解除ができます。",
    en: "See the state of your link, replace the card, or unlink it.",
  },
  statusButton: { ja: "状態を確認する", en: "See the state of your link" },
} as const;

export const phrases = {
  needPhone: (app: AppInfo): Words => ({
    ja: `カードを読み取れるスマートフォン（iOS ${app.iosVersion}以上、またはAndroid ${app.androidVersion}以上）`,
    en: `A phone that reads the card: iOS ${app.iosVersion} or later, or Android ${app.androidVersion} or later`,
  }),
  needPhoneText: {
    ja: "NFCがあり、画面ロックを設定していること。",
    en: "With NFC, and with a screen lock set.",
  },
  needApp: (app: AppInfo): Words => ({
    ja: `アプリ「${app.name.ja}」`,
    en: `The app “${app.name.en}”`,
  }),
  needAppText: {
    ja: "入れたあと、アプリの利用登録を済ませてください。",
    en: "Install it and set it up before you begin.",
  },
  stepApp: (app: AppInfo): Words => ({
    ja: `「${app.name.ja}」でカードを読み取り、内容を許可する`,
    en: `Read your card in ${app.name.en}, and allow what is given`,
  }),
  signedInAs: (name: string): Words => ({
    ja: `${name} としてサインインしています。`,
    en: `You are signed in as ${name}.`,
  }),
  forIos: { ja: "iPhone用", en: "For iPhone" },
  forAndroid: { ja: "Android用", en: "For Android" },
} as const;
