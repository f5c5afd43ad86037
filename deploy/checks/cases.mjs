// What the run renders, what must be refused, and what is planted so that each check is seen to fail.

// Name -> values files and --set-json. The first two have golden renders.
export const VARIANTS = {
  small: { values: ["small"] },
  ha: { values: ["ha"] },
  defaults: {},
  "small-ocsp-only": { values: ["small"], set: ['revocation.mode="OCSP_ONLY"', 'persistence.existingClaim="links"',
    'persistence.storageClassName="fast"', 'image.digest="sha256:' + "0".repeat(64) + '"'] },
  "small-crl-only": { values: ["small"], set: ['revocation.mode="CRL_ONLY"', 'flags={"session_lifetime":"20m","worker_threads":8}'] },
  "ha-together": { values: ["ha"], set: ['layout="together"', "perService.validation={}", "autoscaling.enabled=false", "topologySpread=[]"] },
  "ha-one-redis": { values: ["ha"], set: ['redis.addresses=["redis.example:6379"]', 'redis.sentinelMaster=""',
    'redis.tls.clientCertificateSecret="musubi-redis-client"', "migration.enabled=false"] },
  "ha-no-tls": { values: ["ha"], set: ["redis.tls.enabled=false", 'redis.sentinelSecret=""'] },
  "ha-scheduling": { values: ["ha"], set: ['podAnnotations={"example/restarted":"1"}', 'nodeSelector={"disk":"ssd"}',
    'tolerations=[{"key":"a","operator":"Exists","effect":"NoSchedule"}]', 'priorityClassName="high"',
    'image.pullSecrets=["registry"]', "perService.link.replicas=5", "perService.link.autoscaling={\"enabled\":false}"] },
};

// What helm must refuse: name, base, --set-json, what its message must hold.
export const NONSENSE = [
  ["an unknown key", "small", "replica=2", "additional properties 'replica' not allowed"],
  ["an unknown key below", "small", 'redis.adresses=["a:1"]', "additional properties 'adresses' not allowed"],
  ["no replica", "ha", "replicas=0", "at '/replicas': minimum: got 0, want 1"],
  ["half a replica", "ha", "replicas=1.5", "at '/replicas': got number, want integer"],
  ["replicas as a word", "ha", 'replicas="three"', "at '/replicas': got string, want integer"],
  ["three replicas of sessions in memory", "small", "replicas=3", "at '/replicas': value must be 1"],
  ["sessions in memory beside PostgreSQL, three times", "ha", 'stores.sessions="memory"', "at '/replicas': value must be 1"],
  ["SQLite beside Redis, three times", "ha", 'stores.links="sqlite"', "at '/replicas': value must be 1"],
  ["sessions in memory, by service", "small", 'layout="byService"', "at '/layout': value must be 'together'"],
  ["sessions in memory, autoscaled", "small", "autoscaling.enabled=true", "at '/autoscaling/enabled': value must be false"],
  ["a store that there is not", "small", 'stores.sessions="memcached"', "at '/stores/sessions': value must be one of"],
  ["Redis without an address", "ha", "redis.addresses=[]", "at '/redis/addresses': minItems: got 0, want 1"],
  ["an address without a port", "ha", 'redis.addresses=["redis.example"]', "at '/redis/addresses/0'"],
  ["two Redis without Sentinel", "ha", 'redis.sentinelMaster=""', "which only Sentinels may be"],
  ["Sentinel over TLS without nodes", "ha", "redis.nodes=[]", "redis.nodes is empty"],
  ["a node that leads to itself", "ha", 'redis.nodes=[{"name":"a.example","port":6379,"connect":"a.example:6379"}]', "is that name itself"],
  ["Redis that no policy lets through", "ha", "networkPolicy.redis.peers=[]", "networkPolicy.redis.peers is empty"],
  ["PostgreSQL that no policy lets through", "ha", "networkPolicy.postgres.peers=[]", "networkPolicy.postgres.peers is empty"],
  ["PostgreSQL without an address", "ha", 'postgres.links.conninfo=""', "at '/postgres/links/conninfo': minLength: got 0, want 1"],
  ["a password in a value", "ha", 'postgres.persons.conninfo="host=a password=b"', "postgres.persons.conninfo holds a password"],
  ["a password in a URL", "ha", 'postgres.persons.conninfo="postgres://a:b@c/d"', "postgres.persons.conninfo holds a password"],
  ["the tag latest", "small", 'image.tag="latest"', "an image tag is latest"],
  ["a wrong revocation mode", "small", 'revocation.mode="NONE"', "at '/revocation/mode': value must be one of"],
  ["an environment that there is not", "small", 'environment="STAGING"', "at '/environment': value must be one of"],
  ["a flag that the chart sets", "small", 'flags.listen="0.0.0.0:1"', "additional properties 'listen' not allowed"],
  ["a duration without a unit", "small", 'flags.session_lifetime="20"', "at '/flags/session_lifetime'"],
  ["a quantity that is none", "small", 'resources.limits.memory="much"', "at '/resources/limits/memory'"],
  ["no memory limit", "small", "resources.limits.memory=null", "missing property 'memory'"],
  ["a peer that is everybody", "small", "networkPolicy.clients=[{}]", "at '/networkPolicy/clients/0': minProperties"],
  ["no name service", "small", "networkPolicy.dns=[]", "at '/networkPolicy/dns': minItems"],
  ["a name with a slash", "small", 'keysSecret="a/b"', "at '/keysSecret'"],
  ["a drain without time", "small", "drainSeconds=0", "at '/drainSeconds': minimum"],
  ["more at least than at most", "ha", "autoscaling.minReplicas=20", "minReplicas 20 is above maxReplicas 10"],
  ["a default taken away", "ha", "perService=null", "missing property 'perService'"],
  ["perService that counts for nothing", "ha", 'layout="together"', "perService is set, but layout is together"],
];

const find = (list, kind, name) =>
  list.find((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
const podOf = (list) => find(list, "Deployment").spec.template;

// Errors of the API's form, planted into the objects of "ha": [name, mutation, by "types", "schemas" or
// both, what must be said].
export const PLANTED_IN_FORM = [
  ["an unknown field of a NetworkPolicy", (list) => { find(list, "NetworkPolicy").spec.ingres = []; }, ["types"], "'\"ingres\"'"],
  ["an unknown field of a Service", (list) => { find(list, "Service").spec.ports[0].targetPortt = "grpc"; }, ["types"], "'\"targetPortt\"'"],
  ["an unknown field of a container", (list) => { podOf(list).spec.containers[0].readynessProbe = {}; }, ["types"], "'\"readynessProbe\"'"],
  ["replicas as a word", (list) => { find(list, "Deployment").spec.replicas = "three"; }, ["types", "schemas"], "replicas|string"],
  ["a volume mount without a path", (list) => { delete podOf(list).spec.containers[0].volumeMounts[0].mountPath; }, ["types", "schemas"], "mountPath"],
  ["a Deployment without a selector", (list) => { delete find(list, "Deployment").spec.selector; }, ["types", "schemas"], "selector"],
  ["a port as a list", (list) => { find(list, "Service").spec.ports[0].port = [1]; }, ["types", "schemas"], "port|number"],
  ["a kind that there is not", (list) => { find(list, "PodDisruptionBudget").kind = "PodDisruptionBudgets"; }, ["types", "schemas"], "PodDisruptionBudgets"],
  ["a version that there is not", (list) => { find(list, "PodDisruptionBudget").apiVersion = "policy/v9"; }, ["types", "schemas"], "policy/v9"],
];

// Errors that a rule of deploy/checks/rules.mjs must see in the objects of a variant: [rule, variant,
// name, mutation].
export const PLANTED_IN_RULES = [
  ["podSecurity", "ha", "root", (list) => { podOf(list).spec.securityContext.runAsNonRoot = false; }],
  ["podSecurity", "ha", "no seccomp", (list) => { delete podOf(list).spec.securityContext.seccompProfile; }],
  ["podSecurity", "ha", "a sidecar that may write", (list) => { podOf(list).spec.initContainers[1].securityContext.readOnlyRootFilesystem = false; }],
  ["podSecurity", "ha", "a job whose privileges may grow", (list) => { delete find(list, "Job").spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation; }],
  ["podSecurity", "ha", "no memory limit", (list) => { delete podOf(list).spec.containers[0].resources.limits; }],
  ["podSecurity", "ha", "an image without a tag", (list) => { podOf(list).spec.containers[0].image = "musubi"; }],
  ["stableApis", "ha", "a version that is gone", (list) => { find(list, "PodDisruptionBudget").apiVersion = "policy/v1beta1"; }],
  ["secretsByReference", "ha", "a Secret", (list) => { list.push({ apiVersion: "v1", kind: "Secret", metadata: { name: "a" } }); }],
  ["secretsByReference", "ha", "a password as an argument", (list) => { podOf(list).spec.containers[0].args.push("--link_postgres=host=a password=b"); }],
  ["secretsByReference", "ha", "a password in the environment", (list) => { podOf(list).spec.containers[0].env = [{ name: "PGPASSWORD", value: "b" }]; }],
  ["secretsByReference", "small", "keys that all may read", (list) => { podOf(list).spec.volumes.find((each) => each.name === "keys").secret.defaultMode = 0o444; }],
  ["volumesFit", "small", "a flag to nowhere", (list) => { podOf(list).spec.containers[0].args.push("--anchors=/etc/elsewhere/a"); }],
  ["volumesFit", "small", "a mount without a volume", (list) => { podOf(list).spec.volumes.pop(); }],
  ["volumesFit", "small", "a volume without a mount", (list) => { podOf(list).spec.volumes.push({ name: "a", emptyDir: {} }); }],
  ["volumesFit", "ha", "no configuration of stunnel", (list) => { find(list, "ConfigMap").metadata.name = "a"; }],
  ["selectorsFit", "ha", "a Service of nobody", (list) => { find(list, "Service").spec.selector.a = "b"; }],
  ["selectorsFit", "ha", "a Service with an address", (list) => { delete find(list, "Service").spec.clusterIP; }],
  ["selectorsFit", "ha", "a port by another name", (list) => { find(list, "Service").spec.ports[0].targetPort = "http"; }],
  ["selectorsFit", "ha", "an autoscaler of nothing", (list) => { find(list, "HorizontalPodAutoscaler").spec.scaleTargetRef.name = "a"; }],
  ["selectorsFit", "ha", "an autoscaler against replicas", (list) => { find(list, "Deployment").spec.replicas = 3; }],
  ["selectorsFit", "ha", "no readiness", (list) => { delete podOf(list).spec.containers[0].readinessProbe; }],
  ["deniedByDefault", "ha", "no default", (list) => { list.splice(list.indexOf(find(list, "NetworkPolicy", "musubi-deny")), 1); }],
  ["deniedByDefault", "ha", "from everybody", (list) => { find(list, "NetworkPolicy", "musubi").spec.ingress[0].from = []; }],
  ["deniedByDefault", "ha", "to everybody", (list) => { delete find(list, "NetworkPolicy", "musubi").spec.egress[1].to; }],
  ["drains", "ha", "killed too soon", (list) => { podOf(list).spec.terminationGracePeriodSeconds = 20; }],
  ["drains", "ha", "gone too soon", (list) => { delete podOf(list).spec.containers[0].lifecycle; }],
  ["oneProcessOneReplica", "small", "two of them", (list) => { find(list, "Deployment").spec.replicas = 2; }],
  ["oneProcessOneReplica", "small", "two for a moment", (list) => { find(list, "Deployment").spec.strategy.type = "RollingUpdate"; }],
  ["flagsExist", "small", "a flag that musubid has not", (list) => { podOf(list).spec.containers[0].args.push("--sesion_store=redis"); }],
  ["flagsExist", "ha", "a flag that musubictl has not", (list) => { find(list, "Job").spec.template.spec.containers[0].args.push("--postgress=a"); }],
];
