// Words around every page.
import type { Words } from "../../ui/i18n.tsx";

export const words = {
  help: { ja: "ヘルプ", en: "Help" },
  leave: { ja: "この端末での利用を終わる", en: "Leave this device" },
  leaveTitle: { ja: "この端末での利用を終わりますか？", en: "Leave this device?" },
  leaveText: {
    ja: "途中の手続きがあれば、やめます。サインインの記録も、このブラウザーから消します。",
    en: "A journey that is not finished is stopped, and this browser forgets that you signed in.",
  },
  leaveConfirm: { ja: "終わる", en: "Leave" },
  goBack: { ja: "戻る", en: "Go back" },
  loading: { ja: "読み込んでいます", en: "Loading" },
  brokenTitle: { ja: "ページを表示できません", en: "This page cannot be shown" },
  notFoundTitle: { ja: "ページが見つかりません", en: "There is no such page" },
  notFoundText: {
    ja: "アドレスが変わったか、まちがっています。はじめのページから進んでください。",
    en: "The address is wrong or has changed. Begin on the first page.",
  },
  home: { ja: "はじめのページへ", en: "To the first page" },
  again: { ja: "もう一度", en: "Try again" },
  plainService: { ja: "マイナンバーカードの結びつけ", en: "My Number Card link" },
} satisfies Record<string, Words>;
