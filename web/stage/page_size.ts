// How much script each page loads, gzipped, against a limit: `node stage/page_size.ts LIMIT FOLDER...`,
// each what Vite built for one document, with its manifest. A page is the document's entry with one of
// the parts that it fetches when they are needed, or the entry alone.
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

interface Chunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  dynamicImports?: string[];
}
type Manifest = Record<string, Chunk>;

/** The scripts that a chunk cannot run without, its own among them. */
function needed(manifest: Manifest, name: string, found = new Set<string>()): Set<string> {
  const chunk = manifest[name];
  if (chunk === undefined || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const other of chunk.imports ?? []) needed(manifest, other, found);
  return found;
}

function pagesOf(manifest: Manifest): [string, Set<string>][] {
  const pages: [string, Set<string>][] = [];
  for (const [name, chunk] of Object.entries(manifest)) {
    if (chunk.isEntry !== true) continue;
    const shell = needed(manifest, name);
    if (chunk.dynamicImports === undefined) pages.push([name, shell]);
    for (const part of chunk.dynamicImports ?? [])
      pages.push([part, new Set([...shell, ...needed(manifest, part)])]);
  }
  return pages;
}

const [limit = "", ...folders] = process.argv.slice(2);
let good = folders.length > 0;
for (const folder of folders) {
  const manifest = JSON.parse(readFileSync(path.join(folder, ".vite/manifest.json"), "utf8")) as Manifest;
  const pages = pagesOf(manifest);
  if (pages.length === 0) good = false;
  for (const [name, files] of pages) {
    const sizes = [...files].map((file) => gzipSync(readFileSync(path.join(folder, file))).length);
    const size = sizes.reduce((sum, one) => sum + one, 0);
    if (size > Number(limit)) good = false;
    console.log(`${size > Number(limit) ? "TOO MUCH: " : ""}${folder} ${name}: ${size} of ${limit} bytes`);
  }
}
process.exitCode = good ? 0 : 1;
