// A plugin of Vite for pages that make calls.
import type { Plugin } from "vite";

/**
 * Pages speak the binary format alone, but the protobuf runtime brings its JSON format along (8 kB gzip
 * that nobody would run). In its place: a function that says so.
 */
export function withoutProtobufJson(): Plugin {
  const names = {
    "from-json": [
      "fromJson",
      "fromJsonString",
      "mergeFromJson",
      "mergeFromJsonString",
      "enumFromJson",
      "isEnumJson",
    ],
    "to-json": ["toJson", "toJsonString", "enumToJson"],
  };
  return {
    name: "without-protobuf-json",
    apply: "build",
    load(id) {
      const match = /@bufbuild\/protobuf\/dist\/esm\/(from-json|to-json)\.js$/.exec(id.split("?")[0] ?? "");
      if (match === null) return null;
      const exported = names[match[1] as keyof typeof names];
      return [
        'function absent() { throw new Error("the JSON format of protobuf is not part of these pages"); }',
        ...exported.map((name) => `export { absent as ${name} };`),
      ].join("\n");
    },
  };
}
