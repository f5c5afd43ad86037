import { journey } from "../lib/journey.ts";

for (const locale of ["ja", "en"] as const) {
  journey(`the first page, ${locale}`, async (cast) => {
    const pc = await cast.person("pc", locale);
    await pc.page.goto(cast.stage.origins.tier);
    await pc.reach("home");
  });
}
