// Words of the decision: before, while and after a card is linked, unlinked or replaced.
import type { Words } from "../../ui/i18n.tsx";
import type { DecisionAct, NextStep, Over, SignInWhy } from "./machine.ts";

type OfAct = Record<DecisionAct, Words>;

export const words = {
  title: {
    LINK: { ja: "この2つを結びつけますか？", en: "Link these two?" },
    UNLINK: { ja: "この2つの結びつきを解除しますか？", en: "Unlink these two?" },
    REPLACE: { ja: "このカードに取り替えますか？", en: "Change to this card?" },
  } satisfies OfAct,
  lead: {
    LINK: {
      ja: "まだ何も結びついていません。アカウントとカードが、どちらも自分のものか確認してください。",
      en: "Nothing is linked yet. Check that both the account and the card are yours.",
    },
    UNLINK: {
      ja: "まだ何も変わっていません。解除するアカウントとカードを確認してください。",
      en: "Nothing has changed yet. Check the account and the card that are to be unlinked.",
    },
    REPLACE: {
      ja: "まだ何も変わっていません。アカウントと新しいカードが、どちらも自分のものか確認してください。",
      en: "Nothing has changed yet. Check that both the account and the new card are yours.",
    },
  } satisfies OfAct,
  meaning: {
    LINK: {
      ja: "結びつけると、パスワードを忘れたときなどに、このカードで本人確認ができます。結びつきは、いつでも解除できます。",
      en: "Once they are linked, this card can prove that the account is yours, for example when you have lost your password. You can unlink them at any time.",
    },
    UNLINK: {
      ja: "解除すると、このカードでは本人確認ができなくなります。あとで、もう一度結びつけることもできます。",
      en: "Once they are unlinked, this card can no longer prove that the account is yours. You can link them again later.",
    },
    REPLACE: {
      ja: "取り替えると、前のカードの結びつきは終わり、このカードが結びつきます。前のカードでは本人確認ができなくなります。",
      en: "The link of your earlier card ends, and this card takes its place. The earlier card can no longer prove that the account is yours.",
    },
  } satisfies OfAct,
  decide: {
    LINK: { ja: "結びつける", en: "Link" },
    UNLINK: { ja: "解除する", en: "Unlink" },
    REPLACE: { ja: "取り替える", en: "Replace" },
  } satisfies OfAct,
  decline: {
    LINK: { ja: "結びつけない", en: "Do not link" },
    UNLINK: { ja: "解除しない", en: "Keep the link" },
    REPLACE: { ja: "取り替えない", en: "Do not replace" },
  } satisfies OfAct,
  pair: { ja: "結びつけるアカウントとカード", en: "The account and the card" },
  notYours: {
    ja: "このアカウントが自分のものでないときは、押さないでください。",
    en: "If this account is not yours, do not press.",
  },
  cardProven: { ja: "確認した日時", en: "Checked" },
  cardValid: { ja: "有効なカードです", en: "The card is valid" },
  cardWay: { ja: "読み取り方", en: "How it was read" },
  wayCrossDevice: { ja: "パソコンとスマートフォンで", en: "With PC and phone" },
  wayOneDevice: { ja: "このスマートフォンで", en: "On this phone" },
  cardState: { ja: "電子証明書", en: "Certificate" },
  cardStateValid: { ja: "有効です", en: "Valid" },
  noName: {
    ja: "カードの氏名は渡されていません。",
    en: "The name on the card was not given.",
  },
  timeLeft: { ja: "決めるまでの残り時間", en: "Time left to decide:" },
  binding: { ja: "アカウントを確認しています", en: "Checking the account" },
  done: {
    LINK: { ja: "結びつけました", en: "Linked" },
    UNLINK: { ja: "解除しました", en: "Unlinked" },
    REPLACE: { ja: "新しいカードに取り替えました", en: "Your card is replaced" },
  } satisfies OfAct,
  doneText: {
    LINK: {
      ja: "これで終わりです。このページは閉じてもかまいません。",
      en: "That is all. You can close this page.",
    },
    UNLINK: {
      ja: "このカードとアカウントは、もう結びついていません。このページは閉じてもかまいません。",
      en: "This card and your account are no longer linked. You can close this page.",
    },
    REPLACE: {
      ja: "前のカードの結びつきは終わりました。このページは閉じてもかまいません。",
      en: "The link of your earlier card has ended. You can close this page.",
    },
  } satisfies OfAct,
  linkedBefore: {
    ja: "このカードは、前からこのアカウントに結びついています。あらためて確認しました。",
    en: "This card was linked to your account already. It is now confirmed again.",
  },
  nowLinked: { ja: "結びついています", en: "Linked" },
  nowApart: { ja: "結びついていません", en: "Not linked" },
  undoOffer: {
    ja: "まちがえたときは、すぐに解除できます。カードはいりません。",
    en: "If this was a mistake, you can unlink at once. No card is needed.",
  },
  undone: { ja: "解除しました", en: "Unlinked" },
  undoneText: {
    ja: "このカードとアカウントは、もう結びついていません。",
    en: "This card and your account are no longer linked.",
  },
  linkAgain: { ja: "もう一度はじめる", en: "Start again" },
  signInTitle: {
    NOT_SIGNED_IN: { ja: "サインインしてください", en: "Sign in" },
    SIGN_IN_TOO_OLD: { ja: "もう一度サインインしてください", en: "Sign in again" },
    ACR_NOT_ACCEPTED: { ja: "多要素認証でサインインしてください", en: "Sign in with a second factor" },
    SIGN_IN_BEFORE_PAIRING: { ja: "もう一度サインインしてください", en: "Sign in again" },
    ACCOUNT_MISMATCH: {
      ja: "はじめたときのアカウントでサインインしてください",
      en: "Sign in with the account you began with",
    },
  } satisfies Record<SignInWhy, Words>,
  signInText: {
    NOT_SIGNED_IN: {
      ja: "カードの確認は終わりました。次に、結びつけるアカウントでサインインしてください。まだ何も変わっていません。",
      en: "The card is checked. Next, sign in with the account that it is for. Nothing has changed yet.",
    },
    SIGN_IN_TOO_OLD: {
      ja: "サインインしてから10分以上たちました。安全のため、もう一度サインインしてください。そのあと、このページに戻ります。カードを読み取り直す必要はありません。",
      en: "You signed in more than 10 minutes ago. To be safe, sign in again; you then come back here. The card need not be read again.",
    },
    ACR_NOT_ACCEPTED: {
      ja: "この手続きには、多要素認証が必要です。サインインすると、このページに戻ります。カードを読み取り直す必要はありません。",
      en: "This needs a second factor. After signing in you come back here. The card need not be read again.",
    },
    SIGN_IN_BEFORE_PAIRING: {
      ja: "今、不正な操作への注意を強めています。もう一度サインインしてください。そのあと、このページに戻ります。カードを読み取り直す必要はありません。",
      en: "We are being extra careful at the moment. Sign in once more; you then come back here. The card need not be read again.",
    },
    ACCOUNT_MISMATCH: {
      ja: "今は、別のアカウントでサインインしています。この手続きをはじめたアカウントでサインインし直してください。",
      en: "You are signed in with another account. Sign in with the one with which you began.",
    },
  } satisfies Record<SignInWhy, Words>,
  beganWith: (hint: string): Words => ({
    ja: `はじめたときのアカウント：${hint}`,
    en: `You began with: ${hint}`,
  }),
  refusedAnyway: {
    ja: "結びつきは、何も変わっていません。",
    en: "Nothing about your link has changed.",
  },
  cardTaken: {
    ja: "どのアカウントかは、ここには出せません。自分のほかのアカウントに心当たりがあれば、そのアカウントでサインインして解除してから、もう一度はじめてください。",
    en: "We cannot show which account it is. If you have another account, sign in with that one, unlink the card there, then start again.",
  },
  replaceInstead: {
    ja: "カードを替えたいときは「カードを取り替える」へ進んでください。前のカードの結びつきは、取り替えが終わるまで残ります。",
    en: "If you want to change to this card, go on to “Replace the card”. Until that is done, your earlier card stays linked.",
  },
  replaceUnlinkFirst: {
    ja: "カードを替えたいときは、先に今の結びつきを解除してください。",
    en: "If you want to change to this card, unlink the earlier one first.",
  },
  wrongCard: {
    ja: "アカウントに結びついているカードで、もう一度はじめてください。そのカードがないときは、状態のページから、カードなしで解除できます。",
    en: "Start again with the card that is linked. If you do not have it any more, you can unlink without a card on the page of your link.",
  },
  next: {
    status: { ja: "今の状態を見る", en: "See the state of my link" },
    replace: { ja: "カードを取り替える", en: "Replace the card" },
    link: { ja: "カードを結びつける", en: "Link a card" },
    again: { ja: "もう一度はじめる", en: "Start again" },
    "other-account": { ja: "ほかのアカウントでサインイン", en: "Sign in with another account" },
    help: { ja: "ヘルプを見る", en: "Get help" },
  } satisfies Record<NextStep, Words>,
  over: {
    EXPIRED: { ja: "時間が過ぎました", en: "Time is up" },
    CANCELLED_HERE: { ja: "手続きをやめました", en: "You have stopped" },
    USED: { ja: "この手続きは、すでに終わっています", en: "This was finished already" },
    REPLACED: {
      ja: "別のタブで、新しい手続きがはじまりました",
      en: "A new journey was begun in another tab",
    },
    LOST: { ja: "このページでは、手続きを続けられません", en: "This page has lost its session" },
  } satisfies Record<Over, Words>,
  overText: {
    EXPIRED: {
      ja: "何も変わっていません。カードから読み取ったものは消しました。続けるときは、もう一度はじめてください。",
      en: "Nothing has changed, and what was read from the card is deleted. To go on, start again.",
    },
    CANCELLED_HERE: {
      ja: "何も変わっていません。カードから読み取ったものは消しました。",
      en: "Nothing has changed, and what was read from the card is deleted.",
    },
    USED: {
      ja: "これ以上することはありません。今の状態を確認できます。",
      en: "There is nothing more to do. You can look at the state of your link.",
    },
    REPLACED: {
      ja: "このタブの手続きは、続けられません。新しいタブで続けるか、ここで新しい手続きを表示してください。",
      en: "This tab cannot go on. Go on in the new tab, or show the new journey here.",
    },
    LOST: {
      ja: "何も変わっていません。はじめに使った画面に戻るか、もう一度はじめてください。",
      en: "Nothing has changed. Go back to the window where you began, or start again.",
    },
  } satisfies Record<Over, Words>,
  showNew: { ja: "新しい手続きを表示する", en: "Show the new journey" },
};
