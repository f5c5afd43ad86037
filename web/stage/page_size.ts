// How much script each page loads, gzipped, against a limit:
//   node stage/page_size.ts LIMIT FOLDER... [--apart PART=LIMIT]
// each folder what Vite built for one document, with its manifest. A page is the document's entry with one
// of the parts that it fetches when they are needed, and all that this part may fetch in turn; or the entry
// alone. A part that is named apart is no page: it is fetched after a press, and is counted by itself,
// against a limit of its own.
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

interface Chunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  dynamicImports?: string[];
}
type Manifest = Record<string, Chunk>;

/** The scripts that a chunk cannot run without, its own among them; `later`: also those that it may fetch. */
function scripts(manifest: Manifest, name: string, later: boolean, found = new Set<string>()): Set<string> {
  const chunk = manifest[name];
  // What imports the entry back does not thereby load every page.
  if (chunk === undefined || found.has(chunk.file)) return found;
  found.add(chunk.file);
  const others = [...(chunk.imports ?? []), ...(later ? (chunk.dynamicImports ?? []) : [])];
  for (const other of others) scripts(manifest, other, later, found);
  return found;
}

interface Counted {
  name: string;
  files: Set<string>;
  limit: number;
}

const { values, positionals } = parseArgs({
  options: { apart: { type: "string", multiple: true, default: [] } },
  allowPositionals: true,
});
const [limit = "", ...folders] = positionals;
const apart = new Map(
  values.apart.map((one): [string, number] => {
    const [part = "", most = ""] = one.split("=");
    return [part, Number(most)];
  }),
);

function countedOf(manifest: Manifest): Counted[] {
  const counted: Counted[] = [];
  for (const [name, chunk] of Object.entries(manifest)) {
    if (chunk.isEntry !== true) continue;
    const shell = scripts(manifest, name, false);
    const parts = chunk.dynamicImports ?? [];
    const pages = parts.filter((part) => !apart.has(part));
    if (pages.length === 0) counted.push({ name, files: shell, limit: Number(limit) });
    for (const part of pages) {
      counted.push({
        name: part,
        files: scripts(manifest, part, true, new Set(shell)),
        limit: Number(limit),
      });
    }
    for (const part of parts.filter((one) => apart.has(one))) {
      const files = new Set([...scripts(manifest, part, true)].filter((file) => !shell.has(file)));
      counted.push({ name: part, files, limit: apart.get(part) ?? 0 });
      apart.delete(part);
    }
  }
  return counted;
}

let good = folders.length > 0;
for (const folder of folders) {
  const manifest = JSON.parse(readFileSync(path.join(folder, ".vite/manifest.json"), "utf8")) as Manifest;
  const all = countedOf(manifest);
  if (all.length === 0) good = false;
  for (const { name, files, limit: most } of all) {
    const sizes = [...files].map((file) => gzipSync(readFileSync(path.join(folder, file))).length);
    const size = sizes.reduce((sum, one) => sum + one, 0);
    // Not `size > most`: a limit that is no number is exceeded.
    const fits = size <= most;
    if (!fits) good = false;
    console.log(`${fits ? "" : "TOO MUCH: "}${folder} ${name}: ${size} of ${most} bytes`);
  }
}
for (const part of apart.keys()) {
  good = false;
  console.log(`NOT THERE: ${part}`);
}
process.exitCode = good ? 0 : 1;
