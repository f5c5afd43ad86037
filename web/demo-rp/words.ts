// What the demo relying party says, in both languages.
import type { Language } from "../shared/language.ts";

import type { LinkView, Refused } from "./recovery.ts";

export interface RefusalWords {
  title: string;
  text: string;
  /** What the one button does: begin again, try the same once more, or look at the help. */
  next: "AGAIN" | "RETRY" | "HELP";
}

export interface Words {
  brand: string;
  demo: string;
  otherLanguage: string;
  help: string;
  policy: string;
  terms: string;
  start: {
    title: string;
    lead: string;
    needs: string;
    needsList: string[];
    steps: string;
    stepsList: string[];
    go: string;
    pcTitle: string;
    pcText: string;
    qr: string;
  };
  stepUp: {
    title: string;
    text: string;
    demo: (code: string) => string;
    code: string;
    go: string;
    wrong: (left: number) => string;
  };
  password: {
    title: string;
    found: string;
    text: string;
    first: string;
    rule: (least: number) => string;
    second: string;
    go: string;
    short: (least: number) => string;
    differ: string;
  };
  done: { title: string; text: string; links: string; again: string };
  links: {
    title: string;
    lead: string;
    none: string;
    link: (id: string) => string;
    active: string;
    ended: string;
    since: string;
    until: string;
    history: string;
    events: Record<LinkView["events"][number]["what"], string>;
    back: string;
  };
  page: {
    help: { title: string; text: string[] };
    policy: { title: string; text: string[] };
    terms: { title: string; text: string[] };
  };
  again: string;
  retry: string;
  toHelp: string;
  refusals: Record<Refused | "NOT_FOUND", RefusalWords>;
}

export const WORDS: Record<Language, Words> = {
  ja: {
    brand: "見本大学 アカウント窓口",
    demo: "これは見本のサイトです。大学も人も架空で、パスワードは実際には変わりません。",
    otherLanguage: "English",
    help: "ヘルプ",
    policy: "プライバシーポリシー",
    terms: "利用規約",
    start: {
      title: "パスワードを忘れたとき",
      lead: "マイナンバーカードで本人確認をして、新しいパスワードを決めます。前もってカードを連携した人が使えます。",
      needs: "必要なもの",
      needsList: [
        "マイナンバーカード（カードそのもの）",
        "カードの 4 けたの暗証番号 2 つ（利用者証明用と、券面事項入力補助用。同じ番号の人もいます）",
        "カードを読み取れるスマートフォン",
      ],
      steps: "すること",
      stepsList: ["アプリでカードを読み取ります。", "このサイトに戻ります。", "新しいパスワードを決めます。"],
      go: "カードで本人確認をはじめる",
      pcTitle: "パソコンで見ているとき",
      pcText:
        "本人確認はスマートフォンで行います。スマートフォンのカメラで下のコードを読み取ると、このページが開きます。",
      qr: "このページをスマートフォンで開くための QR コード",
    },
    stepUp: {
      title: "もう 1 つ確認します",
      text: "パソコンとスマートフォンの両方を使ったため、本当にあなたかどうかをもう一度確認します。登録されている連絡先に確認コードを送りました。",
      demo: (code) => `見本のため、送るはずのコードをここに表示します：${code}`,
      code: "確認コード",
      go: "確認する",
      wrong: (left) => `確認コードが違います。あと ${left} 回入力できます。`,
    },
    password: {
      title: "新しいパスワードを決める",
      found: "確認できたアカウント",
      text: "本人確認ができました。新しいパスワードを 2 回入力してください。",
      first: "新しいパスワード",
      rule: (least) => `${least} 文字以上にしてください。`,
      second: "新しいパスワード（もう一度）",
      go: "このパスワードにする",
      short: (least) => `パスワードが短すぎます。${least} 文字以上にしてください。`,
      differ: "2 つのパスワードが違います。もう一度入力してください。",
    },
    done: {
      title: "パスワードを変更しました",
      text: "次からは、新しいパスワードでサインインしてください。（見本のため、実際には変わっていません。）",
      links: "このアカウントのカードの連携を見る",
      again: "最初のページに戻る",
    },
    links: {
      title: "カードの連携の状態",
      lead: "本人確認サービスが、このサイトに知らせている内容です。名前は含まれません。",
      none: "連携しているカードはありません。",
      link: (id) => `連携 ${id}`,
      active: "連携しています",
      ended: "終わりました",
      since: "連携した日時",
      until: "終わった日時",
      history: "できごと",
      events: {
        CREATED: "カードを連携しました",
        ENDED: "連携を終わりました",
        RESOLVED: "本人確認に使いました",
        CONFIRMED: "もう一度カードで確認しました",
        OTHER: "そのほか",
      },
      back: "前のページに戻る",
    },
    page: {
      help: {
        title: "ヘルプ",
        text: [
          "カードの暗証番号を忘れたとき、または番号がロックされたときは、お住まいの市区町村の窓口で設定しなおしてください。",
          "前もってカードを連携していない人は、この方法を使えません。見本大学の窓口に、学生証または職員証を持って来てください。",
          "ほかに困ったことがあれば、見本大学 情報窓口に連絡してください。（見本のため、窓口は実在しません。）",
        ],
      },
      policy: {
        title: "プライバシーポリシー（見本）",
        text: [
          "本人確認サービスは、カードの持ち主の名前と、カードとアカウントの結びつきだけを保存します。マイナンバーは扱いません。",
          "連携を解除すると、名前は消去されます。これは見本の文章です。",
        ],
      },
      terms: {
        title: "利用規約（見本）",
        text: [
          "カードの持ち主本人だけが使えます。ほかの人のカードを使ってはいけません。これは見本の文章です。",
        ],
      },
    },
    again: "もう一度はじめる",
    retry: "もう一度試す",
    toHelp: "ヘルプを見る",
    refusals: {
      NOTHING_BEGUN: {
        title: "続きがありません",
        text: "このブラウザーでは手続きがはじまっていないか、30 分以上たちました。もう一度はじめてください。",
        next: "AGAIN",
      },
      OTHER_BROWSER: {
        title: "はじめたブラウザーで開いてください",
        text: "この本人確認は、別のブラウザーか、前の手続きのものです。はじめたブラウザーに戻ってください。心当たりがないときは、だれかが送ったリンクかもしれません。何もせず、このページを閉じてください。",
        next: "AGAIN",
      },
      CODE_USED: {
        title: "時間が過ぎたか、すでに使われました",
        text: "本人確認の結果は 1 分以内に 1 回だけ使えます。お手数ですが、もう一度はじめてください。",
        next: "AGAIN",
      },
      CANCELLED: {
        title: "本人確認をやめました",
        text: "何も変わっていません。続けたいときは、もう一度はじめてください。",
        next: "AGAIN",
      },
      NO_LINK: {
        title: "このカードは連携されていません",
        text: "カードは確認できましたが、見本大学のどのアカウントとも連携されていません。別の方法が必要です。ヘルプを見てください。",
        next: "HELP",
      },
      CROSS_DEVICE_SUSPENDED: {
        title: "スマートフォンだけで行ってください",
        text: "安全のため、パソコンを使う方法を止めています。スマートフォンでこのサイトを開いて、はじめてください。",
        next: "AGAIN",
      },
      TOO_MANY: {
        title: "少し待ってください",
        text: "今、とても混んでいます。1 分ほど待ってから、もう一度試してください。",
        next: "RETRY",
      },
      STEP_UP_FAILED: {
        title: "確認コードが 3 回違いました",
        text: "安全のため、手続きを終わりました。何も変わっていません。もう一度はじめてください。",
        next: "AGAIN",
      },
      TROUBLE: {
        title: "うまくいきませんでした",
        text: "こちらの問題です。あなたの操作に問題はありません。少し待ってから、もう一度試してください。",
        next: "RETRY",
      },
      NOT_FOUND: {
        title: "ページがありません",
        text: "アドレスが違うか、ページがなくなりました。最初のページからはじめてください。",
        next: "AGAIN",
      },
    },
  },
  en: {
    brand: "Mihon University accounts",
    demo: "This is a demo site. University and people are made up, and no password is really changed.",
    otherLanguage: "日本語",
    help: "Help",
    policy: "Privacy policy",
    terms: "Terms of use",
    start: {
      title: "Forgot your password?",
      lead: "Prove with your My Number Card that it is you, and choose a new password. For people who have linked their card before.",
      needs: "What you need",
      needsList: [
        "Your My Number Card (the card itself)",
        "The card's two 4-digit PINs (for authentication and for card info; they may be the same)",
        "A smartphone that can read the card",
      ],
      steps: "What you will do",
      stepsList: ["Read your card with the app.", "Come back to this site.", "Choose a new password."],
      go: "Begin with your card",
      pcTitle: "If you see this on a computer",
      pcText: "You do this on your phone. Scan the code below with its camera: it opens this page.",
      qr: "QR code that opens this page on your phone",
    },
    stepUp: {
      title: "One more check",
      text: "You used a computer and a phone, so we check once more that it is really you. We have sent a confirmation code to the contact that we have of you.",
      demo: (code) => `This is a demo, so here is the code that would be sent: ${code}`,
      code: "Confirmation code",
      go: "Confirm",
      wrong: (left) =>
        `The confirmation code is wrong. You can try ${left} more ${left === 1 ? "time" : "times"}.`,
    },
    password: {
      title: "Choose a new password",
      found: "Your account",
      text: "It is you. Type a new password twice.",
      first: "New password",
      rule: (least) => `At least ${least} characters.`,
      second: "New password (again)",
      go: "Use this password",
      short: (least) => `This password is too short. Take at least ${least} characters.`,
      differ: "The two passwords differ. Type them again.",
    },
    done: {
      title: "Your password is changed",
      text: "From now on, sign in with your new password. (This is a demo: nothing was really changed.)",
      links: "See the card that is linked to this account",
      again: "Back to the first page",
    },
    links: {
      title: "State of the card link",
      lead: "This is what the verification service tells this site. It has no name in it.",
      none: "No card is linked.",
      link: (id) => `Link ${id}`,
      active: "Linked",
      ended: "Ended",
      since: "Linked on",
      until: "Ended on",
      history: "What happened",
      events: {
        CREATED: "The card was linked",
        ENDED: "The link was ended",
        RESOLVED: "It was used to prove that it is you",
        CONFIRMED: "The card was confirmed again",
        OTHER: "Something else",
      },
      back: "Back to the page before",
    },
    page: {
      help: {
        title: "Help",
        text: [
          "If you have forgotten your card's PIN, or it is locked, have it set again at the office of your municipality.",
          "If you have not linked your card before, you cannot use this way. Please come to the desk of Mihon University with your student or staff card.",
          "For anything else, contact the information desk of Mihon University. (This is a demo: there is no such desk.)",
        ],
      },
      policy: {
        title: "Privacy policy (demo)",
        text: [
          "The verification service keeps the name of the card's owner and the tie between card and account, and nothing else. It never handles the My Number.",
          "When you unlink your card, the name is erased. This is a sample text.",
        ],
      },
      terms: {
        title: "Terms of use (demo)",
        text: [
          "Only the owner of a card may use it here. Never use the card of somebody else. This is a sample text.",
        ],
      },
    },
    again: "Begin again",
    retry: "Try again",
    toHelp: "See the help",
    refusals: {
      NOTHING_BEGUN: {
        title: "There is nothing to go on with",
        text: "Nothing was begun in this browser, or it was more than 30 minutes ago. Please begin again.",
        next: "AGAIN",
      },
      OTHER_BROWSER: {
        title: "Open this in the browser where you began",
        text: "This answer belongs to another browser, or to an earlier try. Please go back to the browser where you began. If you know nothing of it, somebody may have sent you a link: do nothing, and close this page.",
        next: "AGAIN",
      },
      CODE_USED: {
        title: "Too late, or used already",
        text: "The answer can be used once, within a minute. Sorry: please begin again.",
        next: "AGAIN",
      },
      CANCELLED: {
        title: "You stopped",
        text: "Nothing has changed. To go on, begin again.",
        next: "AGAIN",
      },
      NO_LINK: {
        title: "This card is not linked",
        text: "The card is fine, but it is linked to no account of Mihon University. You need another way: see the help.",
        next: "HELP",
      },
      CROSS_DEVICE_SUSPENDED: {
        title: "Please use your phone alone",
        text: "For safety, the way with a computer is closed for now. Open this site on your phone and begin there.",
        next: "AGAIN",
      },
      TOO_MANY: {
        title: "Please wait a moment",
        text: "It is very busy now. Wait about a minute, then try again.",
        next: "RETRY",
      },
      STEP_UP_FAILED: {
        title: "The confirmation code was wrong 3 times",
        text: "For safety, this has ended. Nothing has changed. Please begin again.",
        next: "AGAIN",
      },
      TROUBLE: {
        title: "That did not work",
        text: "The fault is ours: you did nothing wrong. Please wait a moment and try again.",
        next: "RETRY",
      },
      NOT_FOUND: {
        title: "There is no such page",
        text: "The address is wrong, or the page is gone. Please begin from the first page.",
        next: "AGAIN",
      },
    },
  },
};
