// A file descriptor of protobuf as a literal, and back: for pages, which would otherwise carry the schema of
// descriptor.proto (6 kB gzip) only to decode their own descriptors at each load. What pages do not need is
// left out: options, extensions, reserved names, names in JSON. proto3 only; without_descriptors.ts sees to it.
// Imports nothing that runs: generated code needs it before any other module.
import type { DescFile } from "@bufbuild/protobuf";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";

export type FieldLiteral = [
  name: string,
  number: number,
  type: number,
  typeName?: string,
  repeated?: 0 | 1,
  /** Index of the oneof + 1; 0: none. */
  oneof?: number,
  proto3Optional?: 0 | 1,
];
export type EnumLiteral = [name: string, values: Record<string, number>];
export type MessageLiteral = [
  name: string,
  fields?: FieldLiteral[],
  oneofs?: string[],
  nested?: MessageLiteral[],
  enums?: EnumLiteral[],
  mapEntry?: 0 | 1,
];
/** `stream`: 1 of the client, 2 of the server, 3 both. */
export type MethodLiteral = [name: string, input: string, output: string, stream?: number];
export type ServiceLiteral = [name: string, methods: MethodLiteral[]];
export type FileLiteral = [
  name: string,
  packageName?: string,
  messages?: MessageLiteral[],
  enums?: EnumLiteral[],
  services?: ServiceLiteral[],
];

const LABEL_OPTIONAL = 1;
const LABEL_REPEATED = 3;

const enumOf = ([name, values]: EnumLiteral) => ({
  name,
  value: Object.entries(values).map(([valueName, number]) => ({ name: valueName, number })),
});

/** Members whose absence means something are inherited, as the library's own decoder leaves them. */
function withDefaults(defaults: object, set: object): object {
  return Object.assign(Object.create(defaults) as object, set);
}

const fieldOf = ([name, number, type, typeName = "", repeated, oneof = 0, proto3Optional]: FieldLiteral) =>
  withDefaults(
    { defaultValue: "", extendee: "", oneofIndex: 0 },
    {
      name,
      number,
      type,
      typeName,
      label: repeated === 1 ? LABEL_REPEATED : LABEL_OPTIONAL,
      jsonName: "",
      proto3Optional: proto3Optional === 1,
      ...(oneof > 0 && { oneofIndex: oneof - 1 }),
    },
  );

const messageOf = ([
  name,
  fields = [],
  oneofs = [],
  nested = [],
  enums = [],
  mapEntry,
]: MessageLiteral): object => ({
  name,
  field: fields.map(fieldOf),
  oneofDecl: oneofs.map((oneof) => ({ name: oneof })),
  nestedType: nested.map(messageOf),
  enumType: enums.map(enumOf),
  extension: [],
  ...(mapEntry === 1 && { options: { mapEntry: true } }),
});

const serviceOf = ([name, methods]: ServiceLiteral) => ({
  name,
  method: methods.map(([methodName, inputType, outputType, stream = 0]) => ({
    name: methodName,
    inputType,
    outputType,
    clientStreaming: (stream & 1) !== 0,
    serverStreaming: (stream & 2) !== 0,
  })),
});

/** What the literal stands for. A name alone: a file that no page may use. */
export function fileProto(literal: FileLiteral | string, imports: readonly DescFile[]): FileDescriptorProto {
  if (typeof literal === "string")
    throw new Error(`${literal} is not proto3: file_literal.ts cannot hold it`);
  const [name, packageName = "", messages = [], enums = [], services = []] = literal;
  return {
    $typeName: "google.protobuf.FileDescriptorProto",
    name,
    package: packageName,
    syntax: "proto3",
    dependency: imports.map((file) => file.proto.name),
    messageType: messages.map(messageOf),
    enumType: enums.map(enumOf),
    service: services.map(serviceOf),
    extension: [],
  } as unknown as FileDescriptorProto;
}
