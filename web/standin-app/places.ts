// Where a real app has pages of other people: its stores, and the list of phones that read the card. Here
// each is one small page without script, in both languages, that says what would be there.
export const PLACES = {
  "/install/ios": {
    ja: [
      "App Store（見本）",
      "本物の画面では、ここからiPhoneにアプリを入れます。入れたら、前の画面に戻って続けてください。",
    ],
    en: [
      "App Store (stand-in)",
      "In earnest you would install the app on your iPhone here. Then go back to the page before, and go on.",
    ],
  },
  "/install/android": {
    ja: [
      "Google Play（見本）",
      "本物の画面では、ここからAndroidにアプリを入れます。入れたら、前の画面に戻って続けてください。",
    ],
    en: [
      "Google Play (stand-in)",
      "In earnest you would install the app on your Android phone here. Then go back to the page before, and go on.",
    ],
  },
  "/phones": {
    ja: [
      "使えるスマートフォンの一覧（見本）",
      "本物の画面では、マイナンバーカードを読み取れる機種の一覧が、ここにあります。",
    ],
    en: [
      "Phones that can be used (stand-in)",
      "In earnest, the phones that can read the card would be listed here.",
    ],
  },
} as const;

export function placePage(place: keyof typeof PLACES): string {
  const { ja, en } = PLACES[place];
  return `<!doctype html>
<html lang="ja">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${ja[0]}</title>
    <link rel="icon" href="/app.svg" type="image/svg+xml" />
  </head>
  <body data-state="place">
    <main>
      <h1>${ja[0]}</h1>
      <p>${ja[1]}</p>
      <div lang="en">
        <h2>${en[0]}</h2>
        <p>${en[1]}</p>
      </div>
    </main>
  </body>
</html>
`;
}
