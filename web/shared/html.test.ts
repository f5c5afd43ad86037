import { expect, test } from "vitest";

import { html } from "./html.ts";

test("what is put in is text, also inside an attribute", () => {
  const hostile = `"><script>alert('x')</script>&`;
  expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(
    `<p title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">` +
      `&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</p>`,
  );
});

test("nested HTML and lists stay HTML; what is false or absent is nothing", () => {
  const items = ["a", "<b>"].map((item) => html`<li>${item}</li>`);
  expect(
    html`<ul>
      ${items}
    </ul>`.text.replace(/\s/g, ""),
  ).toBe("<ul><li>a</li><li>&lt;b&gt;</li></ul>");
  expect(html`${false}${undefined}${1}`.text).toBe("1");
});
