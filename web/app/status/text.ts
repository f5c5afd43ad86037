// Words of the page of the person's links.
import type { Words } from "../../ui/i18n.tsx";
import type { EndReason, EventType, FlowName } from "../account/links.ts";

export const words = {
  title: { ja: "カードの結びつきの状態", en: "Your card's link" },
  signedOutLead: {
    ja: "アカウントにマイナンバーカードが結びついているかを、確認できます。",
    en: "See whether a My Number Card is linked to your account.",
  },
  signedOutList: [
    { ja: "結びついているか、いつからか", en: "Whether a card is linked, and since when" },
    { ja: "これまでに何があったか（利用、解除など）", en: "What has happened: each use, each change" },
    { ja: "カードが手元になくても、ここで解除できます", en: "You can unlink here, even without the card" },
  ] satisfies Words[],
  reading: { ja: "結びつきの状態を読み込んでいます", en: "Reading the state of your link" },
  linked: { ja: "カードが結びついています", en: "A card is linked" },
  linkedMany: (count: number): Words => ({
    ja: `カードが${count}枚結びついています`,
    en: `${count} cards are linked`,
  }),
  none: { ja: "カードは結びついていません", en: "No card is linked" },
  noneText: {
    ja: "今結びつけておくと、パスワードを忘れたときなどに、カードで本人確認ができます。",
    en: "Link your card now, and it can prove that the account is yours when you need it, for example when you have lost your password.",
  },
  linkNow: { ja: "カードを結びつける", en: "Link a card" },
  unlinkedHere: { ja: "解除しました", en: "Unlinked" },
  unlinkedHereText: {
    ja: "このカードとアカウントは、もう結びついていません。",
    en: "This card and your account are no longer linked.",
  },
  active: { ja: "結びついています", en: "Linked" },
  endedAt: { ja: "終わった日時", en: "Ended on" },
  endReason: { ja: "終わった理由", en: "Why it ended" },
  from: { ja: "結びつけた方法", en: "How it was linked" },
  fromUnknown: { ja: "履歴の続きに出ます", en: "Further down in the history" },
  lastUse: { ja: "最後に使った日時", en: "Last used" },
  neverUsed: { ja: "まだ使っていません", en: "Not used yet" },
  notShown: { ja: "隠しています", en: "Hidden" },
  showName: { ja: "氏名を表示する", en: "Show the name" },
  hideName: { ja: "氏名を隠す", en: "Hide the name" },
  showNameHint: {
    ja: "周りに人がいないか確かめてください。表示したことは、履歴に残ります。",
    en: "Make sure that nobody looks over your shoulder. That the name was shown is kept in the history.",
  },
  unlinkHere: { ja: "カードなしで解除する", en: "Unlink without the card" },
  unlinkWithCard: { ja: "カードを使って解除する", en: "Unlink with the card" },
  replace: { ja: "新しいカードに取り替える", en: "Change to another card" },
  changes: { ja: "変更する", en: "Change something" },
  changesText: {
    ja: "カードをなくしたときは「カードなしで解除する」を選んでください。",
    en: "If you have lost the card, choose “Unlink without the card”.",
  },
  unlinkSince: (when: string): Words => ({
    ja: `${when}に結びつけたカード`,
    en: `The card that you linked on ${when}`,
  }),
  unlinkNow: { ja: "すぐに解除されます。", en: "It is unlinked at once." },
  signInTitle: { ja: "もう一度サインインしてください", en: "Sign in again" },
  signInText: {
    ja: "解除する人が本人かどうかを確かめるためです。サインインすると、この画面に戻ります。",
    en: "This makes sure that it is you who unlinks. After signing in you come back here.",
  },
  history: { ja: "履歴", en: "History" },
  historyText: {
    ja: "心当たりのないものがあれば、すぐに解除して、ヘルプに連絡してください。",
    en: "If there is something that you did not do, unlink at once and contact the help desk.",
  },
  historyNone: { ja: "まだ何もありません。", en: "Nothing yet." },
  more: { ja: "さらに表示する", en: "Show more" },
  moreLinks: { ja: "結びつきをさらに表示する", en: "Show more links" },
  ofCard: (when: string): Words => ({ ja: `${when}に結びつけたカード`, en: `Card linked on ${when}` }),
  export: { ja: "ファイルに保存する（JSON）", en: "Save as a file (JSON)" },
  exportHint: {
    ja: "今このページに出ているものだけを、この端末に保存します。",
    en: "Saves on this device what this page shows now, and nothing else.",
  },
  earlier: { ja: "終わった結びつき", en: "Links that have ended" },
  event: {
    CREATED: { ja: "結びつけました", en: "Linked" },
    ENDED: { ja: "結びつきが終わりました", en: "The link ended" },
    RESOLVED: { ja: "本人確認に使いました", en: "Used to prove that it is you" },
    NAME_READ: { ja: "カードの氏名を表示しました", en: "The name on the card was shown" },
    CONFIRMED: { ja: "同じカードを、もう一度確認しました", en: "The same card was confirmed again" },
  } satisfies Record<EventType, Words>,
  eventUnknown: { ja: "そのほかの出来事", en: "Something else" },
  end: {
    UNLINKED_WITH_CARD: { ja: "カードを使って解除", en: "Unlinked with the card" },
    UNLINKED_BY_SIGN_IN: {
      ja: "サインインして、カードなしで解除",
      en: "Unlinked by sign-in, without the card",
    },
    REPLACED: { ja: "ほかのカードに取り替え", en: "Replaced by another card" },
    ENDED_BY_OPERATOR: { ja: "窓口で解除", en: "Ended by the help desk" },
  } satisfies Record<EndReason, Words>,
  flow: {
    CROSS_DEVICE: { ja: "パソコンとスマートフォンで", en: "With PC and phone" },
    ONE_DEVICE: { ja: "スマートフォンだけで", en: "With the phone alone" },
  } satisfies Record<FlowName, Words>,
  byReplacing: { ja: "ほかのカードから取り替え", en: "In place of another card" },
};
