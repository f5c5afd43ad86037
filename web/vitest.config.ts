// Unit tests stand beside the code; what needs a browser is in e2e/, which has a runner of its own.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "{server,app,ui,shared,standin-app,demo-idp,demo-rp,stage,load,protobuf}/**/*.test.{ts,tsx}",
      "e2e/lib/*.test.ts",
    ],
    environment: "node",
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
