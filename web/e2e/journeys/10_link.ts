import { journey } from "../lib/journey.ts";
import { beginLink, chooseCard, pair, prove, scan } from "../lib/steps.ts";

for (const locale of ["ja", "en"] as const) {
  journey(`LINK with a PC and a phone, ${locale}`, async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", locale);
    const phone = await cast.person("phone", locale);
    await chooseCard(phone, stage, stage.world.card("card"));
    await beginLink(pc, stage, "other");
    await scan(pc, phone);
    await pair(pc, phone);
    await prove(phone);
    await phone.reach("app-done-pc");
    await pc.reach("link-decide");
    await pc.page.getByTestId("decide").click();
    await pc.reach("link-done-LINK");
    await pc.page.getByTestId("undo").click();
    await pc.page.getByTestId("dialog-confirm").click();
    await pc.reach("link-done-LINK-undo-done");
  });
}
