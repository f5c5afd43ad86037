// The pages as files, and what people see where there is none or something broke: short, in both
// languages, without script.
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { PAGES } from "../shared/routes.ts";

/** Vite names what is in here after its content. */
const ASSETS = "/assets/";
const FOREVER = "public, max-age=31536000, immutable";
const DOCUMENT = "index.html";
const STYLE_PATH = "/error.css";
const STYLE = `:root{color-scheme:light dark}
body{font:1.125rem/1.7 system-ui,sans-serif;margin:0 auto;max-width:34rem;padding:2rem 1.25rem}
h1{font-size:1.4rem}section+section{border-top:1px solid;margin-top:2rem;padding-top:1rem}
`;

interface Words {
  title: string;
  text: string;
  link: string;
}
type Failure = 403 | 404 | 405 | 400 | 421 | 429 | 500 | 503;

const WORDS: Record<Failure, { ja: Words; en: Words }> = {
  403: {
    ja: {
      title: "ほかのサイトからの操作を止めました",
      text: "ほかのサイトが、あなたの代わりに操作しようとしました。何も変わっていません。心当たりがなければ、この画面を閉じてください。",
      link: "最初のページへ進む",
    },
    en: {
      title: "Another site tried to act for you, and was stopped",
      text: "Nothing has changed. If you did not expect this, close this page.",
      link: "Go to the first page",
    },
  },
  404: {
    ja: {
      title: "このページはありません",
      text: "アドレスが正しいか、確認してください。",
      link: "最初のページへ進む",
    },
    en: { title: "There is no such page", text: "Please check the address.", link: "Go to the first page" },
  },
  405: {
    ja: {
      title: "この操作はできません",
      text: "最初のページからやり直してください。手続きの途中のときは、続きから再開できます。",
      link: "最初のページへ進む",
    },
    en: {
      title: "This cannot be done here",
      text: "Please start from the first page. If you were in the middle of something, it goes on from there.",
      link: "Go to the first page",
    },
  },
  400: {
    ja: {
      title: "正しく読み取れませんでした",
      text: "最初のページからやり直してください。",
      link: "最初のページへ進む",
    },
    en: {
      title: "This could not be read",
      text: "Please start from the first page.",
      link: "Go to the first page",
    },
  },
  421: {
    ja: {
      title: "アドレスがちがいます",
      text: "このサービスの正しいアドレスから開いてください。",
      link: "正しいアドレスを開く",
    },
    en: {
      title: "This is not our address",
      text: "Please open our own address.",
      link: "Open our own address",
    },
  },
  429: {
    ja: {
      title: "ただいま混み合っています",
      text: "1分ほど待ってから、もう一度お試しください。手続きの内容は残っています。",
      link: "もう一度試す",
    },
    en: {
      title: "Too many requests at once",
      text: "Please wait a minute and try again. Nothing is lost.",
      link: "Try again",
    },
  },
  500: {
    ja: {
      title: "こちらの問題で表示できません",
      text: "少し待ってから、もう一度お試しください。手続きの内容は残っています。続くときは、下の番号を添えてお問い合わせください。",
      link: "もう一度試す",
    },
    en: {
      title: "Something went wrong on our side",
      text: "Please wait a little and try again. Nothing is lost. If it stays, tell the help desk the number below.",
      link: "Try again",
    },
  },
  503: {
    ja: {
      title: "ただいま切り替え中です",
      text: "少し待ってから、もう一度お試しください。手続きの内容は残っています。",
      link: "もう一度試す",
    },
    en: {
      title: "The service is being restarted",
      text: "Please wait a little and try again. Nothing is lost.",
      link: "Try again",
    },
  },
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The language that the browser asks for first. */
export function languageOf(acceptLanguage: string | undefined): "ja" | "en" {
  const ranked = (acceptLanguage ?? "")
    .split(",")
    .map((part, index) => {
      const [tag = "", ...parameters] = part.trim().toLowerCase().split(";");
      const quality = parameters.map((p) => /^\s*q=([\d.]+)$/.exec(p)?.[1]).find((q) => q !== undefined);
      return { language: tag.split("-")[0], quality: quality === undefined ? 1 : Number(quality), index };
    })
    .filter(({ language, quality }) => (language === "ja" || language === "en") && quality > 0)
    .sort((a, b) => b.quality - a.quality || a.index - b.index);
  return ranked[0]?.language === "en" ? "en" : "ja";
}

/** A whole document. `requestId` is what a help desk can look up. */
export function failurePage(
  status: Failure,
  language: "ja" | "en",
  home: string,
  help: string,
  requestId: string,
): string {
  const section = (lang: "ja" | "en"): string => {
    const { title, text, link } = WORDS[status][lang];
    const helpText = lang === "ja" ? "困ったときは" : "Help";
    const number = lang === "ja" ? "お問い合わせ番号" : "Number";
    return `<section lang="${lang}"><h1>${title}</h1><p>${text}</p>
<p><a href="${escape(home)}">${link}</a></p>
<p><a href="${escape(help)}">${helpText}</a></p>
<p>${number}: <code>${escape(requestId)}</code></p></section>`;
  };
  const order = language === "ja" ? (["ja", "en"] as const) : (["en", "ja"] as const);
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${WORDS[status][language].title}</title><link rel="stylesheet" href="${STYLE_PATH}"></head>
<body><main>${order.map(section).join("\n")}</main></body></html>
`;
}

/** Answers with a page for people, and with {reason} for a script. */
export function sendFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  status: Failure,
  reason: string,
  helpUrl: string,
  home = "/",
): FastifyReply {
  void reply.code(status);
  if (!(request.headers.accept ?? "").includes("text/html")) return reply.send({ reason });
  const language = languageOf(request.headers["accept-language"]);
  return reply
    .type("text/html; charset=utf-8")
    .header("content-language", language)
    .header("vary", "Accept, Accept-Language")
    .send(failurePage(status, language, home, helpUrl, request.id));
}

/** GET of any page gives the document, and does nothing else. */
export async function pages(app: FastifyInstance, directory: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: directory,
    index: false,
    cacheControl: false,
    dotfiles: "ignore",
    // The build leaves them beside each file.
    preCompressed: true,
    // The document is asked for by the names of its pages, what is compressed by an Accept-Encoding.
    allowedPath: (path) => path !== `/${DOCUMENT}` && !/\.(?:br|gz)$/.test(path),
    setHeaders: (reply, path) => {
      const document = path.replace(/\.(?:br|gz)$/, "") === join(directory, DOCUMENT);
      const hashed = path.startsWith(join(directory, ASSETS));
      void reply.header("cache-control", document ? "no-store" : hashed ? FOREVER : "no-cache");
    },
  });
  for (const path of Object.values(PAGES)) {
    app.get(path, (_request, reply) => reply.sendFile(DOCUMENT));
  }
  app.get(STYLE_PATH, (_request, reply) =>
    reply.header("cache-control", "max-age=3600").type("text/css; charset=utf-8").send(STYLE),
  );
}
