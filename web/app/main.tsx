// Where the pages begin.
import { render } from "preact";
import { LocaleProvider } from "../ui/i18n.tsx";
import { App } from "./app.tsx";

const root = document.getElementById("app");
if (root === null) throw new Error("the document has no #app");
render(
  <LocaleProvider>
    <App />
  </LocaleProvider>,
  root,
);
