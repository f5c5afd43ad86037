// Words of the way back from the app to the browser on the same phone.
import type { Words } from "../../ui/i18n.tsx";

export const words = {
  title: { ja: "アプリから戻りました", en: "Back from the app" },
  completing: { ja: "続きを準備しています", en: "One moment" },
  otherTitle: { ja: "はじめたときと違うブラウザーです", en: "This is not the browser where you began" },
  otherLead: {
    ja: "手続きは、はじめに使ったブラウザーで待っています。何も失われていません。",
    en: "Your journey waits in the browser where you began. Nothing is lost.",
  },
  otherSteps: { ja: "次のように進めてください", en: "What to do" },
  other: [
    {
      ja: "はじめに使ったブラウザー（Safari、Chromeなど）を開きます。アプリの中の小さなブラウザーで始めたときは、そのアプリを開きます。",
      en: "Open the browser where you began (Safari, Chrome, ...). If you began inside another app, open that app.",
    },
    {
      ja: "「アプリから、このブラウザーに戻ってください」と出ているタブをさがします。",
      en: "Look for the tab that says “Come back from the app”.",
    },
    {
      ja: "続きがはじまらないときは、認証アプリに戻り、「ブラウザーに戻る」をもう一度押します。",
      en: "If it does not go on by itself, go back to the authentication app and press “Return to your browser” again.",
    },
  ] satisfies Words[],
  otherWarning: {
    ja: "人から送られたリンクでこのページを開いたときは、閉じてください。あなたのカードの情報は使われていません。",
    en: "If somebody sent you this link, close the page. Nothing of your card was used.",
  },
  overTitle: { ja: "戻るためのリンクの時間が過ぎました", en: "This way back is too old" },
  overLead: {
    ja: "認証アプリを開いて、「ブラウザーに戻る」をもう一度押してください。新しいリンクで、ここに戻ります。カードを読み取り直す必要はありません。",
    en: "Open the authentication app and press “Return to your browser” again: you come back here with a new link. The card need not be read again.",
  },
  journey: { ja: "手続きの画面を表示する", en: "Show my journey" },
  noCodeTitle: { ja: "このページは、アプリから開きます", en: "This page is opened by the app" },
  noCodeLead: {
    ja: "カードの読み取りが終わると、認証アプリがこのページを開きます。",
    en: "The authentication app opens it once the card is read.",
  },
  again: { ja: "もう一度", en: "Try again" },
} satisfies Record<string, Words | Words[]>;
