// What pages know of the messages is what the contract says: each file is taken through its literal and
// compared, and messages made from it are the same octets.
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescEnum, DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { file_google_protobuf_any, file_google_protobuf_struct } from "@bufbuild/protobuf/wkt";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { file_google_rpc_error_details } from "../gen/google/rpc/error_details_pb.ts";
import { file_musubi_v1_common } from "../gen/musubi/v1/common_pb.ts";
import { SessionViewSchema, file_musubi_v1_session } from "../gen/musubi/v1/session_pb.ts";
import { file_musubi_v1_link } from "../gen/musubi/v1/link_pb.ts";
import { file_musubi_v1_pairing } from "../gen/musubi/v1/pairing_pb.ts";
import { file_musubi_v1_validation } from "../gen/musubi/v1/validation_pb.ts";
import { fileProto } from "./file_literal.ts";
import { fileLiteral, withLiterals } from "./without_descriptors.ts";

const OPTIONS = /(?:descriptor|options)\.proto$/;

/** The file and all that it imports, each by way of its literal. */
function throughLiteral(file: DescFile): DescFile {
  const imports = file.dependencies.filter(({ proto }) => !OPTIONS.test(proto.name)).map(throughLiteral);
  const proto = fileProto(fileLiteral(file.proto), imports);
  const registry = createFileRegistry(proto, (name) => imports.find((one) => one.proto.name === name));
  const made = registry.getFile(proto.name);
  if (made === undefined) throw new Error(`no descriptor of ${proto.name}`);
  return made;
}

function fieldFacts(field: DescField) {
  const plain = Object.entries(field).filter(
    // Names in JSON are not part of a literal, and options are not, which say what is deprecated.
    ([key, value]) =>
      !["object", "function"].includes(typeof value) && key !== "jsonName" && key !== "deprecated",
  );
  return {
    ...Object.fromEntries(plain),
    oneof: field.oneof?.localName,
    message: field.message?.typeName,
    enum: field.enum?.typeName,
  };
}

function enumFacts(desc: DescEnum) {
  return {
    name: desc.typeName,
    open: desc.open,
    prefix: desc.sharedPrefix,
    values: desc.values.map(({ name, localName, number }) => ({ name, localName, number })),
  };
}

function messageFacts(desc: DescMessage): object {
  return {
    name: desc.typeName,
    fields: desc.fields.map(fieldFacts),
    oneofs: desc.oneofs.map(({ name, localName, fields }) => [name, localName, fields.length]),
    members: desc.members.map(({ kind, localName }) => [kind, localName]),
    enums: desc.nestedEnums.map(enumFacts),
    messages: desc.nestedMessages.map(messageFacts),
  };
}

function fileFacts(file: DescFile) {
  return {
    name: file.name,
    edition: file.edition,
    enums: file.enums.map(enumFacts),
    messages: file.messages.map(messageFacts),
    services: file.services.map((service) => ({
      name: service.typeName,
      methods: service.methods.map(({ name, localName, methodKind, input, output, idempotency }) => ({
        ...{ name, localName, methodKind, idempotency },
        input: input.typeName,
        output: output.typeName,
      })),
    })),
  };
}

const files = [
  file_musubi_v1_common,
  file_musubi_v1_session,
  file_musubi_v1_pairing,
  file_musubi_v1_validation,
  file_musubi_v1_link,
  file_google_rpc_error_details,
  file_google_protobuf_any,
  // Maps, oneofs, recursion.
  file_google_protobuf_struct,
];

test.each(files.map((file) => [file.name, file] as const))(
  "%s means the same as a literal",
  (_name, file) => {
    expect(fileFacts(throughLiteral(file))).toEqual(fileFacts(file));
  },
);

test("a message is the same octets, and is read back with unset fields unset", () => {
  const file = throughLiteral(file_musubi_v1_session);
  const desc = file.messages.find(({ typeName }) => typeName === SessionViewSchema.typeName);
  if (desc === undefined) throw new Error("no SessionView");
  const sample = {
    sessionId: new Uint8Array([1, 2]),
    state: 3,
    cardName: "試験 一号",
    expiresAt: { seconds: 5n, nanos: 7 },
  };
  const octets = toBinary(SessionViewSchema, create(SessionViewSchema, sample as never));
  expect(toBinary(desc, create(desc, sample as never))).toEqual(octets);
  expect({ ...fromBinary(desc, octets) }).toEqual({ ...fromBinary(SessionViewSchema, octets) });
});

describe("the plugin", () => {
  const generated = readFileSync(path.join(import.meta.dirname, "../gen/musubi/v1/link_pb.ts"), "utf8");

  test("leaves no encoded descriptor in generated code, and nothing of options", () => {
    const code = withLiterals(generated) ?? "";
    expect(code).toContain('fileDesc(["musubi/v1/link.proto","musubi.v1",');
    expect(code).not.toMatch(/fileDesc\(\s*"/);
    expect(withLiterals('fileDesc("CgF4YgZwcm90bzM", [file_google_protobuf_descriptor])')).toBe(
      'fileDesc(["x"], [])',
    );
  });

  test("touches no other code", () => {
    expect(withLiterals("export const fileDesc = 1;")).toBeNull();
  });

  test("a file that is not proto3 can be built, and not used", () => {
    expect(withLiterals('fileDesc("CgF4YgA=")')).toBe('fileDesc("x", [])');
    expect(() => fileProto("x", [])).toThrow("x is not proto3");
  });
});
