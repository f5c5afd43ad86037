# Sourced by scripts/demo: a Redis and a PostgreSQL of its own for --stores=redis,postgres, on free
# ports of 127.0.0.1, each behind a password, gone with the demo. Uses its world, children, wait_for.
# shellcheck shell=bash disable=SC2154

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
new_password() { od -An -tx1 -N16 /dev/urandom | tr -d ' \n'; }

# wait_for_line TEXT FILE PID: until the server has logged TEXT; fails if it ends before.
wait_for_line() {
  until grep -q "$1" "$2" 2>/dev/null; do
    kill -0 "$3" 2>/dev/null || return 1
    sleep 0.05
  done
}

# Sets redis_port; the password is in $world/redis.password.
start_redis() {
  local password attempt
  password=$(new_password)
  (umask 077 && printf '%s' "$password" >"$world/redis.password")
  mkdir "$world/redis"
  for attempt in 1 2 3 4 5; do
    redis_port=$(free_port)
    (umask 077 && cat >"$world/redis.conf") <<EOF
port $redis_port
bind 127.0.0.1
requirepass $password
dir $world/redis
save ""
EOF
    redis-server "$world/redis.conf" >"$world/redis.log" 2>&1 &
    children+=($!)
    wait_for_line "Ready to accept connections" "$world/redis.log" $! && return
  done
  tail -n 5 "$world/redis.log" >&2
  die "Redis did not start after $attempt attempts"
}

# Sets postgres_port and postgres_directory. Passwords are in $world/postgres.pgpass, which psql and
# libpq read. PostgreSQL refuses root: then it runs as the user of its package, on files in a
# directory that this one may enter.
start_postgres() {
  local binaries=/usr/lib/postgresql/15/bin as=(setpriv --pdeathsig QUIT) attempt owner
  owner=$(new_password)
  links_password=$(new_password)
  persons_password=$(new_password)
  auditor_password=$(new_password)
  postgres_directory=$(mktemp -d)
  (umask 077 && printf '%s' "$owner" >"$postgres_directory/owner")
  if [ "$(id -u)" -eq 0 ]; then
    as+=(--reuid postgres --regid postgres --clear-groups)
    chown -R postgres: "$postgres_directory"
  fi
  "${as[@]}" "$binaries/initdb" --no-sync --auth=scram-sha-256 --encoding=UTF8 --locale=C \
    --username=owner --pwfile="$postgres_directory/owner" --pgdata="$postgres_directory/data" \
    >"$world/postgres.log" 2>&1 || { tail -n 5 "$world/postgres.log" >&2 && die "initdb failed"; }
  rm "$postgres_directory/owner"
  (umask 077 && printf '*:*:*:%s\n' "owner:$owner" "links:$links_password" \
    "persons:$persons_password" "auditor:$auditor_password" >"$world/postgres.pgpass")
  for attempt in 1 2 3 4 5; do
    postgres_port=$(free_port)
    "${as[@]}" "$binaries/postgres" -D "$postgres_directory/data" -c port="$postgres_port" \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories= >"$world/postgres.log" 2>&1 &
    children+=($!)
    wait_for_line "ready to accept connections" "$world/postgres.log" $! && return
  done
  tail -n 5 "$world/postgres.log" >&2
  die "PostgreSQL did not start after $attempt attempts"
}

# postgres_of LOGIN: a conninfo without a password.
postgres_of() {
  printf 'host=127.0.0.1 port=%s dbname=postgres user=%s passfile=%s sslmode=disable' \
    "$postgres_port" "$1" "$world/postgres.pgpass"
}

# Tables by `musubictl migrate`, and a login for each role, which may act as that alone.
migrate_postgres() {
  "$bin/musubictl" migrate --postgres="$(postgres_of owner)"
  psql --no-psqlrc -q -v ON_ERROR_STOP=1 "$(postgres_of owner)" <<EOF
CREATE ROLE links LOGIN PASSWORD '$links_password' IN ROLE musubi_link;
CREATE ROLE persons LOGIN PASSWORD '$persons_password' IN ROLE musubi_person;
CREATE ROLE auditor LOGIN PASSWORD '$auditor_password' IN ROLE musubi_audit;
EOF
}
