// HTML made on a server: a tagged template that escapes what is put in. For pages without script.

/** HTML that is safe to send. Made by `html` alone. */
export class Html {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  /** For `html`: `text` is HTML already. */
  static raw(text: string): Html {
    return new Html(text);
  }
}

export type HtmlPart = Html | string | number | false | undefined | readonly HtmlPart[];

const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function render(part: HtmlPart): string {
  if (part === false || part === undefined) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "string") return part.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
  if (typeof part === "number") return String(part);
  return part.map(render).join("");
}

/**
 * Text and attribute values in double quotes are escaped, nested `html` is not. Not for values inside
 * script, style or unquoted attributes, nor for URLs that come from outside.
 */
export function html(strings: TemplateStringsArray, ...parts: HtmlPart[]): Html {
  return Html.raw(strings.map((text, at) => text + (at < parts.length ? render(parts[at]) : "")).join(""));
}
