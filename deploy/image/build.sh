#!/usr/bin/env bash
# The steps of the build stage: build.sh OUT builds what ships and puts it into OUT, stripped. The
# Containerfile and test.sh call it alike.
source "$(dirname "$0")/../../scripts/lib.sh"

[ $# -eq 1 ] || die "name the folder to put the programs into"
need_build_packages
build release musubid musubictl
mkdir -p "$1"
install --strip build/release/bin/musubid build/release/bin/musubictl "$1"
