#!/usr/bin/env bash
# scripts/test image: performs the Containerfile's steps in a root that debootstrap makes, and starts
# musubid from it as the chart does: its arguments and folders, another user, a read-only root, no
# capabilities, a network of its own. Prints "ok: WHAT" or "FAILED: WHAT" for each check.
# shellcheck disable=SC2317  # check calls functions by their names.
source "$(dirname "$0")/../../scripts/lib.sh"

[ "$(id -u)" -eq 0 ] || die "making a root needs root's rights: run it as root, or in a machine of its own"
need_packages debootstrap curl iproute2
here=$PWD/build/image
root=$here/root world=$here/world bin=$PWD/build/release/bin
golden=$PWD/deploy/checks/golden/small.yaml
failed=0
# check WHAT COMMAND...: the command must succeed.
check() {
  local what=$1
  shift
  if "$@"; then printf 'ok: %s\n' "$what"; else
    printf 'FAILED: %s\n' "$what"
    failed=1
  fi
}
# Runs a command as the user of the container, who can become nobody else.
as_user=(chroot "$root" setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs
  --bounding-set=-all --inh-caps=-all)
in_root() { "${as_user[@]}" "$@"; }

make_root() {
  local base=$here/base mirror
  if [ ! -e "$base.done" ]; then
    rm -rf "$base"
    # Not of comments: they may name a snapshot that is not the mirror.
    mirror=$(grep -hv '^#' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
      grep -oE 'https?://[^ ]+' | grep -v security | head -n 1) || true
    debootstrap --variant=minbase bookworm "$base" "${mirror:-http://deb.debian.org/debian}" >"$here/debootstrap.log" 2>&1 ||
      { tail -n 5 "$here/debootstrap.log" >&2 && die "debootstrap failed (full log: $here/debootstrap.log)"; }
    touch "$base.done"
  fi
  rm -rf "$root"
  cp -a "$base" "$root"
  # As in Debian's images: security updates too.
  printf 'deb %s %s main\n' http://deb.debian.org/debian bookworm http://deb.debian.org/debian bookworm-updates \
    http://deb.debian.org/debian-security bookworm-security >"$root/etc/apt/sources.list"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  cp deploy/image/root.sh "$root/root.sh"
  local packages
  mapfile -t packages <deploy/image/packages.txt
  unshare --mount --pid --fork --mount-proc="$root/proc" chroot "$root" /root.sh "${packages[@]}" \
    >"$here/root.log" 2>&1 || { tail -n 20 "$here/root.log" >&2 && die "root.sh failed (full log: $here/root.log)"; }
  rm "$root/root.sh"
  deploy/image/build.sh "$root/usr/local/bin"
}

# What the Secrets and ConfigMaps of docs/kubernetes.md hold, as the kubelet mounts them.
make_world() {
  local etc=$here/etc key file
  rm -rf "$world" "$etc" "$here/data"
  mkdir -p "$world" "$etc"/{config,keys,tls,client-ca,crl-scopes} "$here/data"
  "$bin/musubi-sandbox" init --dir "$world" >/dev/null
  "$bin/musubi-sandbox" issue-cards --dir "$world" --count 1 >"$here/card"
  "$bin/musubi-sandbox" publish-crls --dir "$world" >/dev/null
  "$bin/musubi-sandbox" tls --dir "$world" >/dev/null
  for key in service card audit audit-signing account person-index person-data evidence demo-university.subject; do
    "$bin/musubictl" keyring new --id=k1 --out="$etc/keys/$key.keyring" >/dev/null
  done
  sed 's|"keys/|"/etc/musubi/keys/|' deploy/demo/relying-parties.json >"$etc/config/relying-parties.json"
  for file in anchors hierarchy name-issuers; do cp "$world/$file.json" "$etc/config"; done
  cp "$world/tls/server.crt" "$etc/tls/tls.crt"
  cp "$world/tls/server.key" "$etc/tls/tls.key"
  cp "$world/tls/ca.crt" "$etc/client-ca"
  cp "$world"/crl/* "$etc/crl-scopes"
  chown -R 0:10001 "$etc" "$here/data"
  chmod -R u=rX,g=rX,o= "$etc/keys" "$etc/tls" "$etc/client-ca"
  chmod -R a+rX "$etc/config" "$etc/crl-scopes"
  chmod 2770 "$here/data"
}

# Everything below runs in namespaces of its own, which end with it.
start_and_ask() {
  local arguments folders pid code
  ip link set lo up
  mount --bind "$root" "$root"
  mount --bind "$here/etc" "$root/etc/musubi"
  mount --bind "$here/data" "$root/var/lib/musubi"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -t proc proc "$root/proc"
  mount -o remount,ro,bind "$root"

  "$bin/musubi-sandbox" serve --dir "$world" --port 0 --ready_file "$world/ocsp.port" >"$world/ocsp.log" 2>&1 &
  until [ -s "$world/ocsp.port" ]; do
    kill -0 $! || die "the responder ended (its log: $world/ocsp.log)"
    sleep 0.05
  done
  cp "$world/responders.json" "$here/etc/config"
  chmod a+r "$here/etc/config/responders.json"

  mapfile -t arguments < <(sed -n 's/^ *- "\(--.*\)"$/\1/p' "$golden")
  arguments+=(--environment=SIM)
  folders=$(sed -n '/^ *- |$/,/securityContext/p' "$golden" | sed '1d;$d')
  libraries() { [[ $(in_root ldd /usr/local/bin/musubid /usr/local/bin/musubictl) != *"not found"* ]]; }
  check "the root has every library that deploy/image/packages.txt should bring" libraries
  tool() { [[ $(in_root musubictl roles) == *ResolveLink* ]]; }
  check "musubictl runs in it" tool
  no_setuid() { [ -z "$(find "$root" -xdev -type f -perm /6000 -print -quit)" ]; }
  check "nothing in it is setuid" no_setuid
  cannot_write() { ! in_root touch /usr/local/bin/a 2>/dev/null && ! in_root touch /etc/a 2>/dev/null; }
  check "its root is read-only" cannot_write
  check "the chart's init container makes the folders" in_root /bin/sh -ec "$folders"

  chmod 0444 "$here/etc/keys/card.keyring"
  refuses() { [[ $(in_root musubid "${arguments[@]}" 2>&1) == *"card.keyring holds a secret but others may open it"* ]]; }
  check "a key that all may read is refused" refuses
  chmod 0440 "$here/etc/keys/card.keyring"

  "${as_user[@]}" musubid "${arguments[@]}" 2>"$here/musubid.log" &
  pid=$!
  ready() {
    local try
    for ((try = 0; try < 600; ++try)); do
      if curl -fsS --max-time 5 http://127.0.0.1:9464/readyz >/dev/null 2>&1; then return; fi
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    tail -n 3 "$here/musubid.log"
    return 1
  }
  check "musubid is ready, with the chart's arguments" ready
  # A HealthCheckRequest and its answer in gRPC's framing, as the kubelet's probe sends it.
  probe() {
    local answer
    answer=$(printf '\0\0\0\0\013\012\011%s' "$1" | curl -sS --max-time 5 --http2-prior-knowledge \
      -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @- \
      http://127.0.0.1:7444/grpc.health.v1.Health/Check | od -An -tx1)
    [ "$answer" = " 00 00 00 00 02 08 01" ]
  }
  check "the port of probes says in plaintext that it is ready" probe readiness
  as_asked() { grep -qE '^Uid:\s+10001\s+10001' "/proc/$pid/status" && grep -qE '^CapEff:\s+0+$' "/proc/$pid/status"; }
  check "it is user 10001 without a capability" as_asked
  journey() {
    "$bin/musubi-journey" --server 127.0.0.1:7443 --tls_dir "$world/tls" --origin=https://link.mihon.example \
      --acr=urn:example:acr:mfa --return_uri=https://account.mihon.example/recovery/return \
      --act=LINK --flow=cross-device --card "$(cat "$here/card")" >"$here/journey.log" 2>&1 || { tail -n 5 "$here/journey.log" && return 1; }
  }
  check "a LINK journey over mutual TLS succeeds" journey
  kill -TERM "$pid"
  code=0
  wait "$pid" || code=$?
  check "SIGTERM ends it with 0" [ "$code" -eq 0 ]
  exit "$failed"
}

if [ "${1:-}" = inside ]; then start_and_ask; fi
mkdir -p "$here"
build release musubid musubictl musubi_sandbox musubi_journey
make_root
make_world
exec unshare --mount --net --pid --fork --mount-proc --kill-child "$0" inside
