// Builds the stand-in of the authentication app: static files with hashed names, nothing inline.
import { defineConfig } from "vite";

import { withoutProtobufJson } from "../protobuf/without_json.ts";
import { withoutProtobufDescriptors } from "../protobuf/without_descriptors.ts";

export default defineConfig({
  root: import.meta.dirname,
  plugins: [withoutProtobufJson(), withoutProtobufDescriptors()],
  build: {
    outDir: "../dist/standin-app",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // Nothing to preload: the scanner is one chunk without another.
    modulePreload: false,
    // For stage/page_size.ts: which file loads which.
    manifest: true,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
