// Words that several pages of the account use.
import type { Words } from "../../ui/i18n.tsx";

export const words = {
  card: { ja: "マイナンバーカード", en: "My Number Card" },
  signedInAs: { ja: "サインイン中のアカウント", en: "You are signed in as" },
  signedInAt: { ja: "サインインした日時", en: "Signed in" },
  signIn: { ja: "サインイン", en: "Sign in" },
  signInAgain: { ja: "もう一度サインイン", en: "Sign in again" },
  again: { ja: "もう一度", en: "Try again" },
  status: { ja: "今の状態を見る", en: "See the state of my link" },
  home: { ja: "はじめのページへ", en: "To the first page" },
  loading: { ja: "読み込んでいます", en: "Loading" },
  name: { ja: "カードの氏名", en: "Name on the card" },
  noName: { ja: "渡されていません", en: "Not given" },
  since: { ja: "結びつけた日時", en: "Linked since" },
  unlink: { ja: "解除する", en: "Unlink" },
  unlinkTitle: { ja: "カードの結びつきを解除しますか？", en: "Unlink this card?" },
  unlinkMeaning1: {
    ja: "このカードでは、アカウントの本人確認ができなくなります。パスワードを忘れたときなどにも使えません。",
    en: "The card will no longer prove that the account is yours, for example when you have lost your password.",
  },
  unlinkMeaning2: {
    ja: "カードもアカウントも、そのまま使えます。あとで、もう一度結びつけることもできます。",
    en: "Card and account both go on working as before. You can link them again later.",
  },
  unlinkNo: { ja: "解除しない", en: "Keep the link" },
} satisfies Record<string, Words>;
