// Builds the tier's pages: static files with hashed names, nothing inline (the CSP allows none).
import { defineConfig } from "vite";

export default defineConfig({
  root: "app",
  build: {
    outDir: "../dist/app",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // For app/size.test.ts and `npm run build`: which file loads which.
    manifest: true,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
