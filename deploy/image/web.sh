#!/usr/bin/env bash
# The steps of the web tier's build stage: web.sh OUT puts into OUT what ships.
source "$(dirname "$0")/../../scripts/lib.sh"

[ $# -eq 1 ] || die "name the folder to put the tier into"
need_packages npm protobuf-compiler
npm --prefix web ci --ignore-scripts
web/package.sh "$1"
