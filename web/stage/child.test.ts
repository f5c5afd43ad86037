import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { Child, runToEnd, StageError } from "./child.ts";
import { freePorts } from "./ports.ts";

function program(text: string) {
  const directory = mkdtempSync(path.join(tmpdir(), "musubi-child-"));
  const script = path.join(directory, "program.mjs");
  writeFileSync(script, text);
  const file = (name: string) => path.join(directory, name);
  return {
    file,
    options: { name: "the program", command: process.execPath, args: [script], log: file("log") },
  };
}

test("a program is ready when it has written its port", async () => {
  const { file, options } = program(`
    import { writeFileSync } from "node:fs";
    writeFileSync(process.argv[2], "4711\\n");
    setInterval(() => {}, 1000);`);
  const port = file("port");
  const child = await Child.start({ ...options, args: [...options.args, port] }, (it) => it.untilPort(port));
  expect(readFileSync(port, "utf8")).toBe("4711\n");
  await child.stop();
  expect(child.running).toBe(false);
});

test("a program is ready when it takes connections", async () => {
  const [port] = (await freePorts(1)) as [number];
  const { options } = program(`import net from "node:net"; net.createServer().listen(${port}, "127.0.0.1");`);
  const child = await Child.start(options, (it) => it.untilAccepts(port));
  await child.stop();
});

test("a program that ends before it is ready is an error with its name and last words", async () => {
  const { file, options } = program(`console.error("relying-parties.json: no key"); process.exit(3);`);
  const start = Child.start(options, (it) => it.untilPort(file("port")));
  await expect(start).rejects.toThrow(/^the program ended \(exit code 3\)[^]*relying-parties\.json: no key$/);
});

test("a program that is not there is an error with its name", async () => {
  const { file, options } = program("");
  const start = Child.start({ ...options, command: file("nothing") }, (it) => it.untilPort(file("port")));
  await expect(start).rejects.toThrow(/^the program ended \(spawn .* ENOENT\)/);
});

test("an end that nobody asked for is told", async () => {
  const { options } = program(`setInterval(() => {}, 1000);`);
  const child = new Child(options);
  const ended = child.untilEnd();
  child.signal("SIGKILL");
  expect((await ended).message).toMatch(/^the program ended \(signal SIGKILL\)/);
});

test("a command that fails is an error with what it said", async () => {
  const { options } = program(`console.error("no such card"); process.exit(1);`);
  const run = runToEnd("the command", options.command, options.args);
  await expect(run).rejects.toThrow(new StageError("the command failed (1):\nno such card"));
});

test("free ports differ", async () => {
  expect(new Set(await freePorts(20)).size).toBe(20);
});
