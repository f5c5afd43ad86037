# Sourced by the scripts beside it: installs what is missing, builds, says plainly what failed.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE="${CCACHE_MAXSIZE:-5G}"
# For headers that are compiled once: see cmake/Musubi.cmake.
export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1

say() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# need_packages NAME...: installs the Debian packages that are absent, quietly. NAME=VERSION: or
# older than that.
need_packages() {
  local missing=() name log run=() installed failed="" policy=/usr/sbin/policy-rc.d made=""
  for name in "$@"; do
    installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Version}' "${name%=*}" 2>/dev/null) || true
    if [[ $installed != ii* ]]; then
      missing+=("${name%=*}")
    elif [[ $name == *=* ]] && dpkg --compare-versions "${installed##* }" lt "${name#*=}"; then
      missing+=("${name%=*}")
    fi
  done
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" -eq 0 ] || run=(sudo)
  log=$(mktemp)
  printf 'Installing: %s\n' "${missing[*]}"
  # No package starts a server of its own: tests start theirs.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${run[@]}" install -m 755 /dev/stdin "$policy"
    made=yes
  fi
  { "${run[@]}" apt-get update -q && "${run[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || failed=yes
  [ -z "$made" ] || "${run[@]}" rm "$policy"
  if [ -n "$failed" ]; then
    tail -n 20 "$log" >&2
    die "could not install ${missing[*]} (full log: $log)"
  fi
  rm -f "$log"
}

# PostgreSQL's package makes and starts a cluster of its own, unless it is told not to: tests make
# theirs.
need_postgresql() {
  local run=() conf=/etc/postgresql-common/createcluster.conf
  [ -x /usr/lib/postgresql/15/bin/postgres ] && return
  need_packages postgresql-common
  [ "$(id -u)" -eq 0 ] || run=(sudo)
  "${run[@]}" sed -i 's/^#* *create_main_cluster .*/create_main_cluster = false/' "$conf"
  need_packages postgresql-15
}

# Everything that a build of any preset needs. OpenSSL before 3.0.22 leaks what it refuses of a
# certificate's policies, which AddressSanitizer reports.
need_build_packages() {
  need_postgresql
  need_packages g++ clang clang-format libclang-rt-14-dev llvm cmake ninja-build ccache pkg-config \
    git ca-certificates openssl python3 libgrpc++-dev libprotobuf-dev protobuf-compiler \
    protobuf-compiler-grpc libabsl-dev libssl3=3.0.22 libssl-dev=3.0.22 libgtest-dev libgmock-dev libbenchmark-dev \
    libsqlite3-dev libcurl4-openssl-dev libspdlog-dev nlohmann-json3-dev libsimdjson-dev libcpp-httplib-dev \
    prometheus-cpp-dev libcivetweb-dev libpq-dev libhiredis-dev libnghttp2-dev redis-server stunnel4
}

# build PRESET TARGET...: configures and builds; on failure prints what the compiler said.
build() {
  local preset=$1
  shift
  local log="build/$preset.log"
  mkdir -p build
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" --target "$@"; } >"$log" 2>&1; then
    grep -nE -A 12 'error:|Error|FAILED' "$log" | head -n 80 >&2 || true
    die "the $preset build failed (full log: $log)"
  fi
}
