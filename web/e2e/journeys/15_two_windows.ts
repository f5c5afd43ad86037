// On one machine, with no camera: the app reads the window of the PC, here by a screenshot.
import { journey } from "../lib/journey.ts";
import type { Person } from "../lib/person.ts";
import { beginLink, chooseCard, pair, takeOver } from "../lib/steps.ts";

/** Chooses a file by the app's own button for it. */
async function choosePicture(phone: Person, name: string, mimeType: string, buffer: Buffer): Promise<void> {
  const chooser = phone.page.waitForEvent("filechooser");
  await phone.page.locator("#scan-picture").click();
  await (await chooser).setFiles({ name, mimeType, buffer });
}

for (const locale of ["ja", "en"] as const) {
  journey(`LINK with two windows: the app reads the PC's window, ${locale}`, async (cast) => {
    const { stage } = cast;
    const pc = await cast.person("pc", locale);
    const phone = await cast.person("phone", locale);
    const fetched: string[] = [];
    phone.page.on("request", (request) => fetched.push(new URL(request.url()).pathname));
    const reader = () => fetched.filter((path) => path.includes("reader"));
    await chooseCard(phone, stage, stage.world.card("card"));
    await beginLink(pc, stage, "other");
    await pc.reach("pc-qr");
    if (reader().length > 0) throw new Error("what reads QR codes was fetched before anybody scanned");

    await choosePicture(phone, "notes.png", "image/png", Buffer.from("no picture"));
    await phone.reach("app-scan-FAILED");
    await choosePicture(phone, "phone.png", "image/png", await phone.page.screenshot());
    await phone.reach("app-scan-NO_QR");
    await choosePicture(phone, "pc.png", "image/png", await pc.page.screenshot());
    await takeOver(phone);
    if (reader().length !== 1) throw new Error(`fetched: ${reader().join(", ")}`);
    await pair(pc, phone);
  });
}
