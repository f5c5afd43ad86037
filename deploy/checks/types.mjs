// Are objects what Kubernetes' API says? Twice, because each finds what the other does not:
// kubernetes-models checks values against the OpenAPI schemas, and takes fields that do not exist;
// the TypeScript compiler knows the fields, and no bounds or patterns.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";

const FOLDER = "build/deploy/types";

function moduleOf(object) {
  return `kubernetes-models/${object.apiVersion}`;
}

const nameOf = (object) => `${object?.kind} ${object?.metadata?.name}`;

// A list of complaints.
export async function againstSchemas(list) {
  const found = [];
  for (const object of list) {
    let Model;
    try {
      Model = (await import(moduleOf(object)))[object.kind];
    } catch {
      // Said below: no such version of the API.
    }
    if (Model === undefined) {
      found.push(`${nameOf(object)}: there is no ${object.kind} in ${object.apiVersion}`);
      continue;
    }
    try {
      new Model(object).validate();
    } catch (error) {
      found.push(`${nameOf(object)}: ${error.message}`);
    }
  }
  return found;
}

// groups: {NAME: objects}. What the compiler says of each group, {NAME: complaints}; one run for all.
export function againstTypes(groups) {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  symlinkSync("../../../deploy/node_modules", `${FOLDER}/node_modules`);
  const lines = {}, found = {};
  for (const [group, list] of Object.entries(groups)) {
    found[group] = [];
    // One line an object, so that a line of the compiler's names it.
    lines[group] = list;
    writeFileSync(`${FOLDER}/${group}.ts`, list.map((object) =>
      `(${JSON.stringify(object)}) satisfies import("${moduleOf(object)}").I${object.kind};\n`).join(""));
  }
  const run = spawnSync("deploy/node_modules/.bin/tsc",
    ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext",
     "--moduleResolution", "bundler", "--types", "", "--pretty", "false",
     ...Object.keys(groups).map((group) => `${FOLDER}/${group}.ts`)],
    { encoding: "utf8", maxBuffer: 64 << 20 });
  if (run.error) throw run.error;
  for (const line of run.stdout.split("\n").filter((text) => text !== "")) {
    const match = line.match(/^.*?([\w-]+)\.ts\((\d+),\d+\): (.*)$/);
    if (match && match[1] in found) {
      found[match[1]].push(`${nameOf(lines[match[1]][match[2] - 1])}: ${match[3]}`);
    } else if (!line.startsWith(" ")) {
      throw new Error(`tsc: ${line}`);
    }
  }
  const total = Object.values(found).flat().length;
  if ((run.status === 0) !== (total === 0)) throw new Error(`tsc ended with ${run.status}: ${run.stderr}`);
  return found;
}
