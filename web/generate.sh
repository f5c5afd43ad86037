#!/usr/bin/env bash
# Writes gen/: the wire contract as TypeScript, from the same protos as the services'.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf gen
mkdir gen
protoc --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es --es_out=gen \
  --es_opt=target=ts,import_extension=ts,erasable_syntax=true -I ../proto -I ../third_party/googleapis \
  ../proto/musubi/v1/*.proto ../third_party/googleapis/google/rpc/*.proto
