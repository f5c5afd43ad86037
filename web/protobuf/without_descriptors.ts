// A plugin of Vite for pages that make calls.
import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { FieldDescriptorProto_Label, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
  ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import path from "node:path";
import type { Plugin } from "vite";
import type {
  EnumLiteral,
  FieldLiteral,
  FileLiteral,
  MessageLiteral,
  ServiceLiteral,
} from "./file_literal.ts";

function enumLiteral(desc: EnumDescriptorProto): EnumLiteral {
  return [desc.name, Object.fromEntries(desc.value.map(({ name, number }) => [name, number]))];
}

function fieldLiteral(desc: FieldDescriptorProto): FieldLiteral {
  const inOneof = Object.hasOwn(desc, "oneofIndex");
  return [
    desc.name,
    desc.number,
    desc.type,
    desc.typeName,
    desc.label === FieldDescriptorProto_Label.REPEATED ? 1 : 0,
    inOneof ? desc.oneofIndex + 1 : 0,
    desc.proto3Optional ? 1 : 0,
  ];
}

function messageLiteral(desc: DescriptorProto): MessageLiteral {
  return [
    desc.name,
    desc.field.map(fieldLiteral),
    desc.oneofDecl.map(({ name }) => name),
    desc.nestedType.map(messageLiteral),
    desc.enumType.map(enumLiteral),
    desc.options?.mapEntry === true ? 1 : 0,
  ];
}

function serviceLiteral(desc: ServiceDescriptorProto): ServiceLiteral {
  return [
    desc.name,
    desc.method.map((method) => [
      method.name,
      method.inputType,
      method.outputType,
      (method.clientStreaming ? 1 : 0) + (method.serverStreaming ? 2 : 0),
    ]),
  ];
}

/** Of a file that is not proto3: its name alone, which no page may use. */
export function fileLiteral(file: FileDescriptorProto): FileLiteral | string {
  // Features of editions, or defaults of proto2, would be lost on the way.
  if (file.syntax !== "proto3") return file.name;
  return [
    file.name,
    file.package,
    file.messageType.map(messageLiteral),
    file.enumType.map(enumLiteral),
    file.service.map(serviceLiteral),
  ];
}

/** JSON without the zeros, empty strings and empty lists at the ends of lists: absent means the same. */
function shortJson(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  const list: unknown[] = [...(value as unknown[])];
  const isEmpty = (last: unknown) => last === 0 || last === "" || (Array.isArray(last) && last.length === 0);
  while (list.length > 0 && isEmpty(list.at(-1))) list.pop();
  return `[${list.map(shortJson).join()}]`;
}

const CALL = /fileDesc\(\s*"([A-Za-z0-9+/=]+)"(?:,\s*\[([^\]]*)\])?/g;
/** Imported only to say what the options are, of which none is left. */
const OPTIONS_OF = "file_google_protobuf_descriptor";

/** Generated code with its descriptors as literals; null: it has none. */
export function withLiterals(code: string): string | null {
  const literals = code.replace(CALL, (_call, base64: string, imports: string | undefined) => {
    const literal = fileLiteral(fromBinary(FileDescriptorProtoSchema, base64Decode(base64)));
    const kept = (imports ?? "")
      .split(",")
      .filter((name) => name.trim() !== "" && name.trim() !== OPTIONS_OF);
    return `fileDesc(${shortJson(literal)}, [${kept.join()}]`;
  });
  return literals === code ? null : literals;
}

/**
 * Turns the descriptors in generated code into literals, and the function that takes them into one that
 * needs no descriptor.proto. What the pages send and understand stays the same: file_literal.test.ts.
 */
export function withoutProtobufDescriptors(): Plugin {
  return {
    name: "without-protobuf-descriptors",
    apply: "build",
    load(id) {
      if (!/@bufbuild\/protobuf\/dist\/esm\/codegenv2\/file\.js$/.test(id.split("?")[0] ?? "")) return null;
      return `
        import { createEmbeddedFileRegistry } from "../registry.js";
        import { fileProto } from ${JSON.stringify(path.join(import.meta.dirname, "file_literal.ts"))};
        export function fileDesc(literal, imports) {
          const proto = fileProto(literal, imports);
          const find = (name) => imports.find((file) => file.proto.name === name);
          return createEmbeddedFileRegistry(proto, find).getFile(proto.name);
        }`;
    },
    transform(code, id) {
      return /_pb\.[jt]s$/.test(id.split("?")[0] ?? "") ? withLiterals(code) : null;
    },
  };
}
