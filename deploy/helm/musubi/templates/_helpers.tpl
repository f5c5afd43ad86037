{{- define "musubi.services" -}}session,pairing,validation,link{{- end -}}

{{/* What changes nothing in a selector may stand in these; the release's pods are found by the two. */}}
{{- define "musubi.selector" -}}
app.kubernetes.io/name: musubi
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "musubi.labels" -}}
{{ include "musubi.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* (dict "image" one of values.yaml's images, "root" $) */}}
{{- define "musubi.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* "true" if several replicas see the same sessions and links. */}}
{{- define "musubi.shared" -}}
{{- if and (eq .Values.stores.sessions "redis") (eq .Values.stores.links "postgres") -}}true{{- end -}}
{{- end -}}

{{/* The workloads, as JSON: a list of {name, services, replicas, resources, autoscaling}. */}}
{{- define "musubi.workloads" -}}
{{- $all := include "musubi.services" . | splitList "," -}}
{{- $common := dict "replicas" .Values.replicas "resources" .Values.resources "autoscaling" .Values.autoscaling -}}
{{- $workloads := list -}}
{{- if eq .Values.layout "together" -}}
{{- $workloads = append $workloads (merge (dict "name" .Release.Name "services" $all) $common) -}}
{{- else -}}
{{- range $service := $all -}}
{{- $own := deepCopy (index $.Values.perService $service) -}}
{{- $own = merge (dict "name" (printf "%s-%s" $.Release.Name $service) "services" (list $service)) $own (deepCopy $common) -}}
{{- $workloads = append $workloads $own -}}
{{- end -}}
{{- end -}}
{{- toJson $workloads -}}
{{- end -}}

{{/* "true" if what the workload's pods remember outlives them, each on a volume of its own: of the
checks and CRLs, which ValidationService has, and of the audit, which LinkService writes.
(dict "root" $ "workload" one of musubi.workloads). */}}
{{- define "musubi.stateful" -}}
{{- if and .root.Values.state.persistent (or (has "validation" .workload.services) (has "link" .workload.services)) -}}true{{- end -}}
{{- end -}}

{{- define "musubi.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "musubi.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* What a values schema cannot say. One sentence each: what, the rule, the fix. */}}
{{- define "musubi.check" -}}
{{- if gt (len .Release.Name) 40 -}}
{{- fail (printf "the release name %s has more than 40 characters, and names of objects are made of it: choose a shorter one" .Release.Name) -}}
{{- end -}}
{{- if has "latest" (list .Values.image.tag .Values.redis.tls.image.tag) -}}
{{- fail "an image tag is latest, so that nobody could say what runs: name a version, or a digest" -}}
{{- end -}}
{{- range $role := list "links" "persons" "migration" -}}
{{- if regexMatch "(?i)pass|@|sslrootcert" (index $.Values.postgres $role).conninfo -}}
{{- fail (printf "postgres.%s.conninfo holds a password, a URL with a user, or sslrootcert: write it as KEY=VALUE, and put the password into passfileSecret and the CA into caSecret" $role) -}}
{{- end -}}
{{- end -}}
{{- range $workload := include "musubi.workloads" . | fromJsonArray -}}
{{- if and $workload.autoscaling.enabled (gt (int $workload.autoscaling.minReplicas) (int $workload.autoscaling.maxReplicas)) -}}
{{- fail (printf "autoscaling of %s: minReplicas %d is above maxReplicas %d: put the smaller number first" $workload.name (int $workload.autoscaling.minReplicas) (int $workload.autoscaling.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.layout "together") (or .Values.perService.session .Values.perService.pairing .Values.perService.validation .Values.perService.link) -}}
{{- fail "perService is set, but layout is together, which has one workload for all: set layout to byService, or remove perService" -}}
{{- end -}}
{{- if and .Values.state.persistent (not (include "musubi.shared" .)) -}}
{{- fail "state.persistent is for the pods of shared stores, but stores names memory or sqlite, whose one process has the volume of persistence: set it to false" -}}
{{- end -}}
{{- if eq .Values.stores.sessions "redis" -}}
{{- if not .Values.networkPolicy.redis.peers -}}
{{- fail "stores.sessions is redis, but networkPolicy.redis.peers is empty, so nothing would reach it: name Redis and its Sentinels there" -}}
{{- end -}}
{{- if and (not .Values.redis.sentinelMaster) (gt (len .Values.redis.addresses) 1) -}}
{{- fail "redis.addresses names several, which only Sentinels may be: set redis.sentinelMaster, or name one Redis" -}}
{{- end -}}
{{- range .Values.redis.nodes -}}
{{- if hasPrefix (printf "%s:" .name) .connect -}}
{{- fail (printf "redis.nodes: connect of %s is that name itself, which leads to stunnel in the pod: give an address, or another name" .name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.redis.sentinelMaster .Values.redis.tls.enabled (not .Values.redis.nodes) -}}
{{- fail "redis.nodes is empty: with Sentinel and TLS stunnel needs the address of every Redis that may become the master" -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.stores.links "postgres") (not .Values.networkPolicy.postgres.peers) -}}
{{- fail "stores.links is postgres, but networkPolicy.postgres.peers is empty, so nothing would reach it: name PostgreSQL there" -}}
{{- end -}}
{{- end -}}

{{/* What both kinds of pod may reach: see networkpolicy.yaml. */}}
{{- define "musubi.dnsRule" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
{{- end -}}

{{- define "musubi.egressRule" -}}
- ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  to:
    {{- toYaml .peers | nindent 4 }}
{{- end -}}
