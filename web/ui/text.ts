// Words of the small parts.
import type { Words } from "./i18n.tsx";

export const words = {
  skip: { ja: "本文へ移動", en: "Skip to content" },
  busy: { ja: "処理中…", en: "Working…" },
  newTab: { ja: "（新しいタブで開きます）", en: " (opens in a new tab)" },
  stepDone: { ja: "（済み）", en: " (done)" },
  loading: { ja: "読み込んでいます…", en: "Loading…" },
} satisfies Record<string, Words>;
