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
Open this in a browser on this machine:

    ${origins.tier}/

  The certificate is of a test CA made a moment ago. Accept the browser's warning once for each of the
  four addresses, or trust ${near(world.file("tls/ca.crt"))} in a profile of its own.
  One window: choose "this phone". Two windows, a PC and a phone: the QR is for a camera; read a picture of
  it with any QR reader and open the address that it holds in the second window, within 15 seconds.
  The app asks for a card once. Choose a file:
    ${near(world.card("card"))}         what most people have
    ${near(world.card("second"))}       another one, to replace it
    ${near(world.card("lost"))}         reported lost: it is refused
    ${near(world.card("expired"))}      refused, too
  PINs: ${AUTHENTICATION_PIN} for authentication, ${CARD_INFO_PIN} for card info.
  The account page that recovers a password with the card:

    ${origins.account}/

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
