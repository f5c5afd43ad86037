{{/* musubid's flags, one a line. Every one must exist: scripts/test deploy compares them with
services/musubid/config.cc. (dict "root" $ "services" names) */}}
{{- define "musubi.flags" -}}
{{ include "musubi.ownFlags" . }}
{{- range $name, $value := .root.Values.flags }}
--{{ $name }}={{ $value }}
{{- end }}
{{- end -}}

{{- define "musubi.ownFlags" -}}
{{- $values := .root.Values -}}
--listen=0.0.0.0:7443
--metrics_listen=0.0.0.0:9464
--health_listen=0.0.0.0:7444
--services={{ join "," .services }}
--tls_certificate=/etc/musubi/tls/tls.crt
--tls_private_key=/etc/musubi/tls/tls.key
--tls_client_ca=/etc/musubi/client-ca/{{ $values.tls.clientCaSecret.key }}
--environment={{ $values.environment }}
--anchors=/etc/musubi/config/anchors.json
--hierarchy=/etc/musubi/config/hierarchy.json
--name_issuers=/etc/musubi/config/name-issuers.json
--relying_parties=/etc/musubi/config/relying-parties.json
--service_keyring=/etc/musubi/keys/service.keyring
--card_keyring=/etc/musubi/keys/card.keyring
--evidence_key=/etc/musubi/keys/evidence.keyring
--audit_keyring=/etc/musubi/keys/audit.keyring
--audit_checkpoints=/var/lib/musubi/state/audit-checkpoints.jsonl
--audit_signing_key=/etc/musubi/keys/audit-signing.keyring
--account_keyring=/etc/musubi/keys/account.keyring
--person_index_keyring=/etc/musubi/keys/person-index.keyring
--person_data_keyring=/etc/musubi/keys/person-data.keyring
--revocation_mode={{ $values.revocation.mode }}
{{- if ne $values.revocation.mode "OCSP_ONLY" }}
--crl_directory=/var/lib/musubi/crl
{{- end }}
{{- if ne $values.revocation.mode "CRL_ONLY" }}
--responders=/etc/musubi/config/responders.json
{{- end }}
--crl_state=/var/lib/musubi/state/crl-state
--revoked_overlay=/var/lib/musubi/state/revoked
--check_log=/var/lib/musubi/state/checks
--drain_grace={{ $values.drainSeconds }}s
--log_requests={{ $values.logRequests }}
{{ include "musubi.storeFlags" .root }}
{{- end -}}

{{/* The flags of the stores: the one place where their names stand. */}}
{{- define "musubi.storeFlags" -}}
--session_store={{ .Values.stores.sessions }}
{{- if eq .Values.stores.sessions "redis" }}
{{- $addresses := list }}
{{- range $tunnel := include "musubi.tunnels" . | fromJsonArray }}
{{- if not $tunnel.announced }}{{ $addresses = append $addresses $tunnel.accept }}{{ end }}
{{- end }}
{{- $addresses = $addresses | default .Values.redis.addresses }}
{{- if .Values.redis.sentinelMaster }}
--redis_sentinels={{ join "," $addresses }}
--redis_master_name={{ .Values.redis.sentinelMaster }}
{{- if .Values.redis.sentinelSecret }}
--redis_sentinel_user_file=/etc/musubi/redis-sentinel/username
--redis_sentinel_password_file=/etc/musubi/redis-sentinel/password
{{- end }}
{{- else }}
--redis_server={{ first $addresses }}
{{- end }}
--redis_user_file=/etc/musubi/redis/username
--redis_password_file=/etc/musubi/redis/password
{{- end }}
{{- if eq .Values.stores.links "sqlite" }}
--link_db=/var/lib/musubi/state/links.db
--person_db=/var/lib/musubi/state/persons.db
{{- else }}
--link_postgres={{ include "musubi.conninfo" (dict "root" . "role" "links") }}
--person_postgres={{ include "musubi.conninfo" (dict "root" . "role" "persons") }}
{{- end }}
{{- end -}}

{{/* The flags of `musubictl migrate`. */}}
{{- define "musubi.migrationFlags" -}}
--postgres={{ include "musubi.conninfo" (dict "root" . "role" "migration") }}
{{- end -}}

{{- define "musubi.conninfo" -}}
{{ (index .root.Values.postgres .role).conninfo }} passfile=/run/musubi/{{ .role }} sslrootcert=/etc/musubi/postgres-ca/{{ .root.Values.postgres.caSecret.key }}
{{- end -}}

{{/* One stunnel service for each address, as JSON: a list of {name, accept, connect, host, announced}.
musubid is told where to find the first ones. Of an announced one it hears from Sentinel, by a name
that leads to the loopback address of `accept` (hostAliases). */}}
{{- define "musubi.tunnels" -}}
{{- $tunnels := list -}}
{{- if and (eq .Values.stores.sessions "redis") .Values.redis.tls.enabled -}}
{{- range $index, $address := .Values.redis.addresses -}}
{{- $host := regexReplaceAll ":[0-9]+$" $address "" -}}
{{- $tunnels = append $tunnels (dict "name" (printf "given-%d" $index) "accept" (printf "127.0.0.1:%d" (add 16379 $index)) "connect" $address "host" $host "announced" false) -}}
{{- end -}}
{{- if .Values.redis.sentinelMaster -}}
{{- range $index, $node := .Values.redis.nodes -}}
{{- $tunnels = append $tunnels (dict "name" (printf "node-%d" $index) "accept" (printf "127.0.0.%d:%d" (add 10 $index) (int $node.port)) "connect" $node.connect "host" $node.name "announced" true) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $tunnels -}}
{{- end -}}
