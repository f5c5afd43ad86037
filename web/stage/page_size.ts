// How much script a page loads, gzipped, against a limit: `node stage/page_size.ts LIMIT FOLDER...`, each
// what Vite built for one document. All its scripts count, also those that would be loaded later.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

const [limit = "", ...folders] = process.argv.slice(2);
let tooBig = false;
for (const folder of folders) {
  const scripts = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js"),
  );
  const size = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(path.join(folder, file))).length, 0);
  const fits = size <= Number(limit);
  console.log(
    `${folder}: ${size} of ${limit} bytes of script in ${scripts.length} files${fits ? "" : ": too much"}`,
  );
  if (!fits || scripts.length === 0) tooBig = true;
}
process.exitCode = tooBig || folders.length === 0 ? 1 : 0;
