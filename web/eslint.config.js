// What tsc does not see. Rules that only argue about style are prettier's business.
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["gen/", "dist/", "node_modules/"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A number in a template is as plain as a string.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `() => doIt()` as a handler is idiomatic.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // What nobody waits for is said so with `void`.
      "@typescript-eslint/no-floating-promises": "error",
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "Randomness comes from crypto, injected." },
        { object: "Date", property: "now", message: "Time is injected (shared/clock.ts)." },
      ],
    },
  },
  { files: ["**/*.js"], ...tseslint.configs.disableTypeChecked },
);
