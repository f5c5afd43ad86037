{{/* The pod of one workload: (dict "root" $ "workload" one of musubi.workloads). */}}
{{- define "musubi.pod" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $drain := int $values.drainSeconds -}}
{{- $stateful := include "musubi.stateful" . -}}
metadata:
  labels:
    {{- include "musubi.selector" $root | nindent 4 }}
    musubi/workload: {{ .workload.name }}
    {{- range .workload.services }}
    musubi/serves-{{ . }}: "yes"
    {{- end }}
  {{- if or $values.podAnnotations (include "musubi.tunnels" $root | fromJsonArray) }}
  annotations:
    {{- if include "musubi.tunnels" $root | fromJsonArray }}
    checksum/stunnel: {{ include "musubi.stunnel" $root | sha256sum }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ $root.Release.Name }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "musubi.podSecurity" $root | nindent 4 }}
  # What preStop waits, what musubid lets calls under way take, and time to close stores.
  terminationGracePeriodSeconds: {{ add 5 $drain 15 }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.topologySpread }}
  topologySpreadConstraints:
    {{- range . }}
    - topologyKey: {{ .topologyKey }}
      maxSkew: {{ .maxSkew }}
      whenUnsatisfiable: {{ .whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "musubi.selector" $root | nindent 10 }}
          musubi/workload: {{ $.workload.name }}
      matchLabelKeys: [{{ if $stateful }}controller-revision-hash{{ else }}pod-template-hash{{ end }}]
    {{- end }}
  {{- end }}
  {{- $crls := ne $values.revocation.mode "OCSP_ONLY" }}
  {{- $tunnels := include "musubi.tunnels" $root | fromJsonArray }}
  {{- if and $tunnels $values.redis.sentinelMaster }}
  hostAliases:
    {{- range $tunnels }}
    {{- if .announced }}
    - {ip: {{ regexReplaceAll ":[0-9]+$" .accept "" }}, hostnames: [{{ .host }}]}
    {{- end }}
    {{- end }}
  {{- end }}
  initContainers:
    # musubid makes files in these, and its CRL folder has to be one that it may write to.
    - name: folders
      image: {{ include "musubi.image" (dict "image" $values.image "root" $root) }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command:
        - /bin/sh
        - -ec
        - |
          mkdir -p /var/lib/musubi/state /var/lib/musubi/crl
          {{- if $crls }}
          cp -L /etc/musubi/crl-scopes/* /var/lib/musubi/crl/
          {{- end }}
          {{- if eq $values.stores.links "postgres" }}
          # libpq reads no passfile that its group may read, as a Secret's is.
          {{- range $role := list "links" "persons" }}
          install -m 0600 /etc/musubi/postgres-{{ $role }}/{{ (index $values.postgres $role).passfileSecret.key }} /run/musubi/{{ $role }}
          {{- end }}
          {{- end }}
      securityContext:
        {{- include "musubi.containerSecurity" $root | nindent 8 }}
      resources:
        requests: {cpu: 10m, memory: 16Mi}
        limits: {memory: 32Mi}
      volumeMounts:
        - {name: data, mountPath: /var/lib/musubi}
        {{- if $crls }}
        - {name: crl-scopes, mountPath: /etc/musubi/crl-scopes, readOnly: true}
        {{- end }}
        {{- if eq $values.stores.links "postgres" }}
        - {name: passfiles, mountPath: /run/musubi}
        {{- range $role := list "links" "persons" }}
        - {name: postgres-{{ $role }}, mountPath: /etc/musubi/postgres-{{ $role }}, readOnly: true}
        {{- end }}
        {{- end }}
    {{- if $tunnels }}
    # A sidecar: it starts before musubid and ends after it, so that a drain still has its sessions.
    - name: stunnel
      image: {{ include "musubi.image" (dict "image" $values.redis.tls.image "root" $root) }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      restartPolicy: Always
      command: [/usr/bin/stunnel4, /etc/stunnel/stunnel.conf]
      securityContext:
        {{- include "musubi.containerSecurity" $root | nindent 8 }}
      resources:
        {{- toYaml $values.redis.tls.resources | nindent 8 }}
      volumeMounts:
        - {name: stunnel, mountPath: /etc/stunnel, readOnly: true}
        - {name: redis-ca, mountPath: /etc/stunnel-ca, readOnly: true}
        {{- if $values.redis.tls.clientCertificateSecret }}
        - {name: redis-client, mountPath: /etc/stunnel-client, readOnly: true}
        {{- end }}
    {{- end }}
  containers:
    - name: musubid
      image: {{ include "musubi.image" (dict "image" $values.image "root" $root) }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [musubid]
      args:
        {{- range include "musubi.flags" (dict "root" $root "services" .workload.services) | splitList "\n" }}
        - {{ . | quote }}
        {{- end }}
      ports:
        - {name: grpc, containerPort: 7443}
        - {name: metrics, containerPort: 9464}
        # In plaintext, gRPC's health service and nothing else. Of no Service and no policy.
        - {name: health, containerPort: 7444}
      # A dependency that is away makes a pod not ready; only a process that does not answer is ended.
      startupProbe:
        grpc: {port: 7444, service: liveness}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        grpc: {port: 7444, service: liveness}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        grpc: {port: 7444, service: readiness}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        # By then clients' names and proxies no longer lead here.
        preStop: {sleep: {seconds: 5}}
      securityContext:
        {{- include "musubi.containerSecurity" $root | nindent 8 }}
      resources:
        {{- toYaml .workload.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/musubi/config, readOnly: true}
        - {name: keys, mountPath: /etc/musubi/keys, readOnly: true}
        - {name: tls, mountPath: /etc/musubi/tls, readOnly: true}
        - {name: client-ca, mountPath: /etc/musubi/client-ca, readOnly: true}
        - {name: data, mountPath: /var/lib/musubi}
        - {name: tmp, mountPath: /tmp}
        {{- if eq $values.stores.sessions "redis" }}
        - {name: redis, mountPath: /etc/musubi/redis, readOnly: true}
        {{- if and $values.redis.sentinelMaster $values.redis.sentinelSecret }}
        - {name: redis-sentinel, mountPath: /etc/musubi/redis-sentinel, readOnly: true}
        {{- end }}
        {{- end }}
        {{- if eq $values.stores.links "postgres" }}
        - {name: postgres-ca, mountPath: /etc/musubi/postgres-ca, readOnly: true}
        - {name: passfiles, mountPath: /run/musubi, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ $values.configMap }}}
    # Mode 0440 and root's, with the group of the pod: what musubid takes for closed.
    - name: keys
      secret: {secretName: {{ $values.keysSecret }}, defaultMode: 0440}
    - name: tls
      secret: {secretName: {{ $values.tls.secret }}, defaultMode: 0440}
    {{- include "musubi.secretVolume" (dict "name" "client-ca" "secret" $values.tls.clientCaSecret) | nindent 4 }}
    - name: tmp
      emptyDir: {medium: Memory, sizeLimit: 64Mi}
    {{- if not $stateful }}
    - name: data
      {{- if include "musubi.shared" $root }}
      emptyDir: {sizeLimit: {{ $values.revocation.crlVolumeSize }}}
      {{- else }}
      persistentVolumeClaim: {claimName: {{ $values.persistence.existingClaim | default $root.Release.Name }}}
      {{- end }}
    {{- end }}
    {{- if $crls }}
    - name: crl-scopes
      configMap: {name: {{ $values.revocation.scopesConfigMap }}}
    {{- end }}
    {{- if eq $values.stores.sessions "redis" }}
    - name: redis
      secret: {secretName: {{ $values.redis.secret }}, defaultMode: 0440}
    {{- if and $values.redis.sentinelMaster $values.redis.sentinelSecret }}
    - name: redis-sentinel
      secret: {secretName: {{ $values.redis.sentinelSecret }}, defaultMode: 0440}
    {{- end }}
    {{- end }}
    {{- if $tunnels }}
    - name: stunnel
      configMap: {name: {{ $root.Release.Name }}-stunnel}
    {{- include "musubi.secretVolume" (dict "name" "redis-ca" "secret" $values.redis.tls.caSecret) | nindent 4 }}
    {{- with $values.redis.tls.clientCertificateSecret }}
    - name: redis-client
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- end }}
    {{- if eq $values.stores.links "postgres" }}
    {{- include "musubi.secretVolume" (dict "name" "postgres-ca" "secret" $values.postgres.caSecret) | nindent 4 }}
    - name: passfiles
      emptyDir: {medium: Memory, sizeLimit: 1Mi}
    {{- range $role := list "links" "persons" }}
    {{- include "musubi.secretVolume" (dict "name" (printf "postgres-%s" $role) "secret" (index $values.postgres $role).passfileSecret) | nindent 4 }}
    {{- end }}
    {{- end }}
{{- end -}}

{{/* One key of a Secret as a volume, nothing else of it: (dict "name" volume "secret" {name, key}). */}}
{{- define "musubi.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret.name }}
    defaultMode: 0440
    items: [{key: {{ .secret.key }}, path: {{ .secret.key }}}]
{{- end -}}

{{- define "musubi.stunnel" -}}
foreground = yes
syslog = no
pid =
sslVersionMin = TLSv1.2
client = yes
verifyChain = yes
CAfile = /etc/stunnel-ca/{{ .Values.redis.tls.caSecret.key }}
{{- if .Values.redis.tls.clientCertificateSecret }}
cert = /etc/stunnel-client/tls.crt
key = /etc/stunnel-client/tls.key
{{- end }}
{{- range $tunnel := include "musubi.tunnels" . | fromJsonArray }}
[{{ $tunnel.name }}]
accept = {{ $tunnel.accept }}
connect = {{ $tunnel.connect }}
checkHost = {{ $tunnel.host }}
{{- end }}
{{- end -}}
