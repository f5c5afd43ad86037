// Words of the way into a recovery: a service has sent the person here to be recognised by the card.
import type { Words } from "../../ui/i18n.tsx";

export const words = {
  title: { ja: "カードで本人確認をします", en: "Prove who you are with your card" },
  lead: {
    ja: "元のサービスから、本人確認のために来ました。「はじめる」を押すと、どのサービスが何のために求めているかを確認できます。",
    en: "A service has sent you here to prove who you are. Press “Begin” to see which one asks, and what for.",
  },
  needs: { ja: "用意するもの", en: "What you need" },
  need: [
    {
      ja: "前に結びつけた、マイナンバーカードそのもの（スマートフォンの中のカードは使えません）",
      en: "The My Number Card itself that you linked before (a card inside a phone cannot be used)",
    },
    { ja: "カードの4けたの暗証番号", en: "The card's 4-digit PINs" },
    { ja: "カードを読み取れるスマートフォン", en: "A phone that reads the card" },
  ] satisfies Words[],
  soon: {
    ja: "元のサービスから来て1分のうちに押してください。時間が過ぎたときは、元のサービスに戻れば、もう一度はじめられます。",
    en: "Press within a minute of coming here. If it is too late, go back to the service and begin again.",
  },
  begin: { ja: "はじめる", en: "Begin" },
  looking: { ja: "確認しています", en: "One moment" },
  claimedTitle: { ja: "本人確認を求めているサービス", en: "Who asks you to prove who you are" },
  who: { ja: "サービス", en: "Service" },
  what: { ja: "求めていること", en: "What it asks for" },
  whatText: {
    ja: "結びついているカードが、あなたの手元にあることの確認",
    en: "Proof that you have the linked card in your hand",
  },
  learns: { ja: "サービスに伝わること", en: "What it learns" },
  learnsText: {
    ja: "どのアカウントのカードか。渡すものは、許可する前に、すべてアプリの画面に出ます。",
    en: "Which account the card belongs to. The app shows everything that is given, before you agree.",
  },
  policy: { ja: "プライバシーポリシー", en: "Privacy policy" },
  terms: { ja: "利用規約", en: "Terms" },
  notMine: {
    ja: "このサービスで手続きをはじめた覚えがないときは、続けないでください。",
    en: "If you did not begin anything at this service, do not go on.",
  },
  onPhoneTitle: { ja: "このスマートフォンで続ける", en: "Go on with this phone" },
  onPhoneText: {
    ja: "アプリを開いて、カードを読み取ります。終わると、ここに戻ります。",
    en: "The app opens and reads the card. Afterwards you come back here.",
  },
  onPhone: { ja: "続ける", en: "Go on" },
  iAmOnPhone: { ja: "今、スマートフォンで見ています", en: "I am on my phone" },
  pcTitle: { ja: "パソコンとスマートフォンで続ける", en: "Go on with PC and phone" },
  pcText: {
    ja: "次の画面のQRコードを、スマートフォンで読み取ります。",
    en: "Scan the QR code of the next page with your phone.",
  },
  pc: { ja: "QRコードを表示する", en: "Show the QR code" },
  qrTitle: { ja: "続きは、スマートフォンで進めます", en: "Go on with your phone" },
  qrText: {
    ja: "安全のため、この本人確認はスマートフォンだけで行います。スマートフォンのカメラでQRコードを読み取り、開いたページで、はじめから進めてください。",
    en: "To keep you safe, this is done on the phone alone. Scan the QR code with your phone's camera, and begin on the page that opens.",
  },
  qrWhat: {
    ja: "このQRコードは、サービスの本人確認をはじめるページのアドレスです。この画面の情報は入っていません。",
    en: "The QR code is the address of the page where this begins. Nothing of this screen is in it.",
  },
  qrLabel: { ja: "本人確認をはじめるページのQRコード", en: "QR code of the page where this begins" },
  qrAddress: {
    ja: "カメラが使えないときは、このアドレスをスマートフォンで開いてください：",
    en: "Without a camera, open this address on your phone:",
  },
  qrDone: {
    ja: "スマートフォンで開けたら、このパソコンの画面は閉じてかまいません。",
    en: "Once the page is open on the phone, you can close this one.",
  },
  onPc: { ja: "パソコンで見ているとき", en: "If you are on a PC" },
  refusedText: {
    ja: "元のサービスに戻って、もう一度はじめてください。何も失われていません。",
    en: "Go back to the service and begin again. Nothing is lost.",
  },
  back: { ja: "元のサービスへ戻る", en: "Back to the service" },
  noCodeTitle: { ja: "このページは、サービスから開きます", en: "This page is opened from a service" },
  noCodeText: {
    ja: "本人確認は、パスワードの再発行などの手続きから始まります。そのサービスのページを開いて、もう一度進めてください。",
    en: "It begins at the service that needs to know who you are, for example to reissue a password. Open its page and go on from there.",
  },
} satisfies Record<string, Words | Words[]>;
