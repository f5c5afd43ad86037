// Words of the account's own page.
import type { Words } from "../../ui/i18n.tsx";

export const words = {
  title: { ja: "アカウントの情報", en: "My account" },
  signedOutLead: {
    ja: "自分のアカウントと、結びついているカードの情報を見ることができます。",
    en: "See your account, and the card that is linked to it.",
  },
  signedOutList: [
    { ja: "サインインしただけでは、情報は出ません", en: "Signing in alone shows nothing yet" },
    {
      ja: "「情報を表示」を押したときにだけ出ます",
      en: "Values appear only after you press “Show information”",
    },
  ] satisfies Words[],
  hiddenLead: {
    ja: "情報は、まだ出していません。周りに人がいないか確かめてから押してください。",
    en: "Nothing is shown yet. Make sure that nobody looks over your shoulder, then press.",
  },
  show: { ja: "情報を表示", en: "Show information" },
  hide: { ja: "情報を隠す", en: "Hide information" },
  noted: {
    ja: "氏名を表示したことは、履歴に残ります。",
    en: "That the name was shown is kept in the history.",
  },
  notLinked: { ja: "カードは結びついていません", en: "No card is linked" },
  notLinkedText: {
    ja: "カードを結びつけておくと、パスワードを忘れたときなどに、本人確認ができます。",
    en: "Link a card, and it can prove that the account is yours, for example when you have lost your password.",
  },
  linkNow: { ja: "カードを結びつける", en: "Link a card" },
  linked: { ja: "結びついています", en: "Linked" },
  cards: { ja: "アカウントとカード", en: "Account and card" },
} satisfies Record<string, Words | Words[]>;
