// Which page is shown. One document for all pages; each page's script is fetched when it is first needed.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { PAGES } from "../shared/routes.ts";
import { Button, LinkButton, Page, Waiting } from "../ui/components.tsx";
import { useLocale } from "../ui/i18n.tsx";
import { problemOf } from "../ui/problem.ts";
import type { Problem } from "../ui/problem.ts";
import { Frame, ProblemNotice } from "./frame.tsx";
import { browserServices } from "./services.ts";
import type { PagePath, Services } from "./services.ts";
import { words } from "./text/frame.ts";

/** What a page's module exports as default. */
export type PageComponent = ComponentType<{ services: Services }>;

const pages: Record<PagePath, () => Promise<{ default: PageComponent }>> = {
  [PAGES.home]: () => import("./home/page.tsx"),
  [PAGES.journey]: () => import("./journey/page.tsx"),
  [PAGES.start]: () => import("./start/page.tsx"),
  [PAGES.return]: () => import("./return/page.tsx"),
  [PAGES.status]: () => import("./status/page.tsx"),
  [PAGES.my]: () => import("./my/page.tsx"),
};

/** The page of a path; null: there is none. A slash at the end changes nothing. */
export function pageOf(pathname: string): PagePath | null {
  const path = pathname.length > 1 ? pathname.replace(/\/+$/, "") : pathname;
  return Object.values(PAGES).find((page) => page === path) ?? null;
}

type Shown =
  | { at: "loading" }
  | { at: "failed"; problem: Problem }
  | { at: "not-found"; services: Services }
  | { at: "page"; services: Services; component: PageComponent; visit: number };

export function App() {
  const { t } = useLocale();
  const [shown, setShown] = useState<Shown>({ at: "loading" });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let services: Services | null = null;
    let visit = 0;
    let over = false;
    const show = async () => {
      const mine = (visit += 1);
      try {
        services ??= await browserServices((page) => {
          history.pushState(null, "", page);
          void show();
        });
        const page = pageOf(location.pathname);
        const next: Shown =
          page === null
            ? { at: "not-found", services }
            : { at: "page", services, component: (await pages[page]()).default, visit: mine };
        if (!over && mine === visit) setShown(next);
      } catch (error) {
        if (!over && mine === visit) setShown({ at: "failed", problem: problemOf(error) });
      }
    };
    const onPop = () => void show();
    window.addEventListener("popstate", onPop);
    void show();
    return () => {
      over = true;
      window.removeEventListener("popstate", onPop);
    };
  }, [attempt]);

  switch (shown.at) {
    case "loading":
      return (
        <Page state="loading" title={words.loading} service={words.plainService}>
          <Waiting words={words.loading} />
        </Page>
      );
    case "failed":
      return (
        <Page state="failed" title={words.brokenTitle} service={words.plainService}>
          <ProblemNotice problem={shown.problem} />
          <div class="actions">
            <Button
              kind="main"
              onPress={() => {
                setShown({ at: "loading" });
                setAttempt(attempt + 1);
              }}
            >
              {t(words.again)}
            </Button>
          </div>
        </Page>
      );
    case "not-found":
      return (
        <Frame services={shown.services} state="not-found" title={words.notFoundTitle}>
          <p>{t(words.notFoundText)}</p>
          <div class="actions">
            <LinkButton kind="main" href={PAGES.home}>
              {t(words.home)}
            </LinkButton>
          </div>
        </Frame>
      );
    case "page": {
      const Component = shown.component;
      return <Component key={shown.visit} services={shown.services} />;
    }
  }
}
