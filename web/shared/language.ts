// Which of the two languages a page without script is in.

export type Language = "ja" | "en";

/** The first of the wanted languages that we have; Japanese if none. */
export function chooseLanguage(...wanted: (string | undefined)[]): Language {
  for (const list of wanted) {
    for (const tag of (list ?? "").toLowerCase().split(/[\s,]+/)) {
      const primary = tag.split(/[-;]/)[0];
      if (primary === "ja" || primary === "en") return primary;
    }
  }
  return "ja";
}
