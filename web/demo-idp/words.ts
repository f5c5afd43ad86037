// What the demo identity provider says, in both languages.
import type { Language } from "../shared/language.ts";

export interface Words {
  title: string;
  demo: string;
  goesTo: string;
  pick: string;
  signInAs: (name: string, id: string) => string;
  passwordIs: string;
  typed: string;
  account: string;
  password: string;
  secondFactor: string;
  secondFactorHint: (code: string) => string;
  signIn: string;
  cancel: string;
  wrongPassword: string;
  wrongSecondFactor: string;
  fresh: string;
  errorTitle: string;
  errorText: string;
  otherLanguage: string;
}

export const WORDS: Record<Language, Words> = {
  ja: {
    title: "サインイン（見本）",
    demo: "これは見本の認証サーバーです。ここにいる人はすべて架空です。本物のパスワードは入力しないでください。",
    goesTo: "サインインすると、次のサービスに戻ります：",
    pick: "見本の人を選ぶ",
    signInAs: (name, id) => `${name}（${id}）でサインイン`,
    passwordIs: "パスワード：",
    typed: "または、入力してサインイン",
    account: "アカウント",
    password: "パスワード",
    secondFactor: "確認コード",
    secondFactorHint: (code) => `この操作には 2 つ目の確認が必要です。見本のコードは ${code} です。`,
    signIn: "サインイン",
    cancel: "やめて戻る",
    wrongPassword: "アカウントかパスワードが違います。もう一度入力してください。",
    wrongSecondFactor: "確認コードが違います。コードをもう一度入力してください。",
    fresh: "大切な操作のため、もう一度サインインが必要です。",
    errorTitle: "このページは開けません",
    errorText:
      "サインインの途中でページが古くなったか、正しくない開き方でした。元のサービスに戻り、もう一度「サインイン」を押してください。",
    otherLanguage: "English",
  },
  en: {
    title: "Sign in (demo)",
    demo: "This is a demo identity provider. Everybody here is made up. Do not type a real password.",
    goesTo: "When you have signed in, you go back to:",
    pick: "Choose somebody made up",
    signInAs: (name, id) => `Sign in as ${name} (${id})`,
    passwordIs: "Password: ",
    typed: "Or type it",
    account: "Account",
    password: "Password",
    secondFactor: "Confirmation code",
    secondFactorHint: (code) => `This needs a second factor. The demo's code is ${code}.`,
    signIn: "Sign in",
    cancel: "Stop and go back",
    wrongPassword: "Account or password is wrong. Type them again.",
    wrongSecondFactor: "The confirmation code is wrong. Type it again.",
    fresh: "This matters, so please sign in once more.",
    errorTitle: "This page cannot be opened",
    errorText:
      "The page is too old, or was opened in another way than by signing in. Go back to the service and press “Sign in” again.",
    otherLanguage: "日本語",
  },
};
