// What `scripts/demo --serve` runs: puts everything up, says where, and waits for ctrl-C.
//   node stage/main.ts --directory FOLDER --bin FOLDER [--first-step CARD]
import path from "node:path";
import { parseArgs } from "node:util";
import { StageError } from "./child.ts";
import { Stage } from "./stage.ts";
import { AUTHENTICATION_PIN, CARD_INFO_PIN } from "./world.ts";

function welcome(stage: Stage): string {
  const { world, origins } = stage;
  const near = (file: string) => path.relative(process.cwd(), file);
  return `
Everything is up, on this machine alone. What to do:

  1. Open this in a browser. It is your PC:

         ${origins.tier}/

     Each of the four addresses has a certificate of a test CA: go on past the browser's warning, once each.
  2. Open the authentication app in a second window. It is your phone:

         ${origins.app}/

     Give it a card, a file: ${near(world.card("card"))}
  3. On the PC choose "another phone", and sign in. When it shows the QR code, press "Scan the QR code" in
     the app, and choose the PC's window; or paste a screenshot of it.
     With one window: choose "this phone" instead.
  4. Follow the two windows. PINs: ${AUTHENTICATION_PIN} for authentication, ${CARD_INFO_PIN} for card info.
  5. Once card and account are linked, recover a password with the card:

         ${origins.account}/

  Other cards: ${near(world.card("second"))} to replace it; ${near(world.card("lost"))}
  and ${near(world.card("expired"))} are refused.
  Logs are in ${near(world.directory)}/*.log. Ctrl-C stops everything.
`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      directory: { type: "string" },
      bin: { type: "string" },
      "first-step": { type: "string", default: "ACCOUNT" },
    },
  });
  const { directory, bin, "first-step": firstStep } = values;
  const known = firstStep === "ACCOUNT" || firstStep === "CARD";
  if (directory === undefined || bin === undefined || !known) {
    throw new StageError(
      "usage: node stage/main.ts --directory FOLDER --bin FOLDER [--first-step ACCOUNT|CARD]",
    );
  }
  const abort = new AbortController();
  const asked = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        abort.abort(new StageError("stopped before everything was up"));
        resolve();
      });
    }
  });
  const stage = await Stage.create({
    directory: path.resolve(directory),
    bin: path.resolve(bin),
    firstStep,
    signal: abort.signal,
    step: (text) => console.log(`  ${text}`),
  });
  console.log(welcome(stage));
  const ended = await Promise.race([asked, stage.untilOneEnds()]);
  console.log("\nStopping");
  await stage.stop();
  if (ended !== undefined) throw ended;
}

main().catch((error: unknown) => {
  console.error(error instanceof StageError ? error.message : error);
  process.exitCode = 1;
});
