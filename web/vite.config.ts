// Builds the tier's pages: static files with hashed names, nothing inline (the CSP allows none).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig } from "vite";
import type { Plugin } from "vite";
import { withoutProtobufJson } from "./protobuf/without_json.ts";
import { withoutProtobufDescriptors } from "./protobuf/without_descriptors.ts";

/** Writes what the tier sends compressed beside each file, as server/pages.ts looks for it: script is a
 *  third on the way, and nothing is compressed while somebody waits. */
export function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle: {
      order: "post",
      handler({ dir }, bundle) {
        for (const name of Object.keys(bundle)) {
          if (dir === undefined || !/\.(?:js|css|html|svg)$/.test(name)) continue;
          const file = join(dir, name);
          const octets = readFileSync(file);
          writeFileSync(`${file}.br`, brotliCompressSync(octets));
          writeFileSync(`${file}.gz`, gzipSync(octets, { level: 9 }));
        }
      },
    },
  };
}

export default defineConfig({
  root: "app",
  plugins: [withoutProtobufJson(), withoutProtobufDescriptors(), compressed()],
  build: {
    outDir: "../dist/app",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // The shell is loaded by the time that a page is: nothing to preload.
    modulePreload: false,
    // For stage/page_size.ts: which file loads which.
    manifest: true,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
