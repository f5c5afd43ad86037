// What no schema of Kubernetes knows: that the objects of one render fit each other, musubid's flags,
// and the rules of the house. Each rule takes the objects and returns complaints.
import { readFileSync, readdirSync } from "node:fs";

// Flags that templates/_flags.tpl passes ahead of the code. One that the code has is a complaint, so
// that this list ends empty.
export const PLANNED = {
  musubid: [],
  musubictl: [],
};

// The flags that a program's sources define.
export function flagsOf(program) {
  const folder = `services/${program}`;
  const flags = new Set();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".cc"))) {
    for (const match of readFileSync(`${folder}/${file}`, "utf8").matchAll(/ABSL_FLAG\(\s*[^;]*?,\s*(\w+),/g)) {
      flags.add(match[1]);
    }
  }
  return flags;
}

const named = (object) => `${object.kind} ${object.metadata.name}`;
const of = (list, ...kinds) => list.filter((object) => kinds.includes(object.kind));
const containers = (pod) => [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
const servers = (list) => of(list, "Deployment", "StatefulSet");
// volumes: with those that a StatefulSet makes for each pod.
const pods = (list) => [...servers(list), ...of(list, "Job")].map((object) => ({
  name: named(object), labels: object.spec.template.metadata.labels, spec: object.spec.template.spec,
  volumes: [...(object.spec.template.spec.volumes ?? []).map((volume) => volume.name),
    ...(object.spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name)] }));

// Does a label selector choose these labels?
function chooses(selector, labels) {
  const exact = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return exact && (selector.matchExpressions ?? []).every((expression) => {
    switch (expression.operator) {
      case "Exists": return expression.key in labels;
      case "DoesNotExist": return !(expression.key in labels);
      case "In": return expression.values.includes(labels[expression.key]);
      default: return !expression.values.includes(labels[expression.key]);
    }
  });
}

// "--name=value" of one container: {name: value}.
function argumentsOf(container) {
  return Object.fromEntries((container.args ?? []).map((argument) => {
    const match = argument.match(/^--(\w+)=(.*)$/s);
    return match ? [match[1], match[2]] : [argument, ""];
  }));
}

// The models still know versions that no API server has any more.
function stableApis(list) {
  return list.filter((object) => !/^([\w.-]+\/)?v\d+$/.test(object.apiVersion))
    .map((object) => `${named(object)}: ${object.apiVersion} may be gone`);
}

function podSecurity(list) {
  const found = [];
  for (const pod of pods(list)) {
    const security = pod.spec.securityContext ?? {};
    if (security.runAsNonRoot !== true || !(security.runAsUser > 0)) found.push(`${pod.name}: may run as root`);
    if (security.seccompProfile?.type !== "RuntimeDefault") found.push(`${pod.name}: no seccomp profile`);
    if (pod.spec.automountServiceAccountToken !== false) found.push(`${pod.name}: gets a token of the API server`);
    for (const key of ["hostNetwork", "hostPID", "hostIPC"]) {
      if (pod.spec[key]) found.push(`${pod.name}: ${key}`);
    }
    for (const container of containers(pod)) {
      const name = `${pod.name}, ${container.name}`;
      const own = container.securityContext ?? {};
      if (own.readOnlyRootFilesystem !== true) found.push(`${name}: may write to its root`);
      if (own.allowPrivilegeEscalation !== false) found.push(`${name}: privileges may grow`);
      if (!own.capabilities?.drop?.includes("ALL") || own.capabilities.add) found.push(`${name}: has capabilities`);
      const { requests, limits } = container.resources ?? {};
      if (!requests?.cpu || !requests.memory || !limits?.memory) found.push(`${name}: no resources`);
      if (!/[@:][\w.:-]+$/.test(container.image) || container.image.endsWith(":latest")) {
        found.push(`${name}: ${container.image} may be anything`);
      }
    }
  }
  return found;
}

function secretsByReference(list) {
  const found = of(list, "Secret").map((object) => `${named(object)}: secrets are made elsewhere`);
  for (const pod of pods(list)) {
    for (const container of containers(pod)) {
      for (const argument of [...(container.command ?? []), ...(container.args ?? [])]) {
        if (/(^|[\s_-])pass(word|wd)?=/i.test(argument)) found.push(`${pod.name}: a secret among the arguments`);
      }
      for (const variable of container.env ?? []) {
        if (/pass|secret|token|key/i.test(variable.name) && variable.value) {
          found.push(`${pod.name}: ${variable.name} in plain`);
        }
      }
    }
    for (const volume of pod.spec.volumes ?? []) {
      // musubid refuses a wider one: base::IsClosed.
      if (volume.secret && volume.secret.defaultMode !== 0o440) found.push(`${pod.name}: ${volume.name} is not of mode 0440`);
    }
  }
  return found;
}

function volumesFit(list) {
  const found = [];
  const made = new Set(of(list, "ConfigMap", "PersistentVolumeClaim").map(named));
  for (const pod of pods(list)) {
    const volumes = new Set(pod.volumes);
    if (volumes.size !== pod.volumes.length) found.push(`${pod.name}: two volumes of one name`);
    const mounted = new Set();
    for (const container of containers(pod)) {
      const paths = (container.volumeMounts ?? []).map((mount) => mount.mountPath);
      for (const mount of container.volumeMounts ?? []) {
        mounted.add(mount.name);
        if (!volumes.has(mount.name)) found.push(`${pod.name}: there is no volume ${mount.name}`);
      }
      for (const path of (container.args ?? []).join("\n").match(/\/(etc|var|run)\/[^\s]+/g) ?? []) {
        if (!paths.some((mount) => path.startsWith(`${mount}/`))) {
          found.push(`${pod.name}, ${container.name}: nothing is mounted at ${path}`);
        }
      }
    }
    for (const volume of volumes) {
      if (!mounted.has(volume)) found.push(`${pod.name}: nobody mounts ${volume}`);
    }
    for (const volume of pod.spec.volumes ?? []) {
      if (volume.name === "stunnel" && !made.has(`ConfigMap ${volume.configMap.name}`)) {
        found.push(`${pod.name}: there is no ConfigMap ${volume.configMap.name}`);
      }
    }
  }
  return found;
}

function selectorsFit(list) {
  const found = [];
  const all = pods(list);
  const ports = (pod) => containers(pod).flatMap((container) => (container.ports ?? []).map((port) => port.name));
  for (const object of servers(list)) {
    if (!chooses(object.spec.selector, object.spec.template.metadata.labels)) {
      found.push(`${named(object)}: does not choose its own pods`);
    }
  }
  for (const object of of(list, "Service", "PodDisruptionBudget", "NetworkPolicy")) {
    const selector = object.kind === "Service" ? { matchLabels: object.spec.selector }
      : object.kind === "NetworkPolicy" ? object.spec.podSelector : object.spec.selector;
    const chosen = all.filter((pod) => chooses(selector, pod.labels));
    if (chosen.length === 0) found.push(`${named(object)}: chooses no pod`);
    const wanted = object.kind === "Service" ? object.spec.ports.map((port) => port.targetPort)
      : (object.spec.ingress ?? []).flatMap((rule) => (rule.ports ?? []).map((port) => port.port));
    for (const port of wanted) {
      if (!chosen.every((pod) => ports(pod).includes(port))) found.push(`${named(object)}: no port ${port}`);
    }
    if (object.kind === "Service" && object.spec.clusterIP !== "None") found.push(`${named(object)}: is not headless`);
  }
  for (const object of of(list, "HorizontalPodAutoscaler")) {
    const { kind, name } = object.spec.scaleTargetRef;
    const target = servers(list).find((each) => each.kind === kind && each.metadata.name === name);
    if (target === undefined) found.push(`${named(object)}: scales nothing`);
    else if (target.spec.replicas !== undefined) found.push(`${named(object)}: the ${kind} sets replicas too`);
  }
  return found;
}

// Probes are gRPC's, of musubid's port for them, about names that it knows; and nobody else gets there.
function probesFit(list) {
  const found = [];
  const source = readFileSync("lib/rpc/health_server.h", "utf8");
  const names = Object.fromEntries([...source.matchAll(/char k(Liveness|Readiness)\[\] = "(\w+)"/g)].map((match) => [match[1], match[2]]));
  const wanted = { startupProbe: names.Liveness, livenessProbe: names.Liveness, readinessProbe: names.Readiness };
  for (const pod of pods(list)) {
    for (const container of containers(pod).filter((each) => each.name === "musubid")) {
      const port = (container.ports ?? []).find((each) => each.name === "health")?.containerPort;
      if (port === undefined || !argumentsOf(container).health_listen?.endsWith(`:${port}`)) found.push(`${pod.name}: no port for probes`);
      for (const [probe, service] of Object.entries(wanted)) {
        const grpc = container[probe]?.grpc;
        if (grpc?.port !== port || grpc?.service !== service) found.push(`${pod.name}: ${probe} does not ask for ${service}`);
      }
      for (const object of of(list, "Service", "NetworkPolicy")) {
        const ports = object.kind === "Service" ? object.spec.ports.map((each) => each.targetPort)
          : (object.spec.ingress ?? []).flatMap((rule) => (rule.ports ?? []).map((each) => each.port));
        if (ports.includes("health") || ports.includes(port)) found.push(`${named(object)}: leads to the port of probes`);
      }
    }
  }
  return found;
}

// What a StatefulSet is for: its pods' files outlive them, and no pod waits for another.
function stateLasts(list) {
  const found = [];
  for (const object of of(list, "StatefulSet")) {
    const { spec } = object;
    const governs = of(list, "Service").some((service) => service.metadata.name === spec.serviceName &&
      service.spec.clusterIP === "None" && chooses({ matchLabels: service.spec.selector }, spec.template.metadata.labels));
    if (!governs) found.push(`${named(object)}: no headless Service ${spec.serviceName} leads to its pods`);
    if (spec.podManagementPolicy !== "Parallel") found.push(`${named(object)}: its pods wait for each other`);
    const claims = new Set((spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name));
    for (const container of spec.template.spec.containers.filter((each) => each.name === "musubid")) {
      const kept = container.volumeMounts.filter((mount) => claims.has(mount.name)).map((mount) => mount.mountPath);
      const flags = argumentsOf(container);
      for (const flag of ["check_log", "crl_state", "revoked_overlay", "audit_checkpoints"]) {
        if (flags[flag] !== undefined && !kept.some((path) => flags[flag].startsWith(`${path}/`))) {
          found.push(`${named(object)}: --${flag} goes with the pod`);
        }
      }
    }
  }
  return found;
}

function deniedByDefault(list) {
  const found = [];
  const policies = of(list, "NetworkPolicy");
  const shut = policies.filter((policy) => !policy.spec.ingress && !policy.spec.egress && policy.spec.policyTypes.length === 2);
  for (const pod of pods(list)) {
    if (!shut.some((policy) => chooses(policy.spec.podSelector, pod.labels))) found.push(`${pod.name}: nothing is denied to it`);
  }
  for (const policy of policies) {
    for (const [rules, side] of [[policy.spec.ingress, "from"], [policy.spec.egress, "to"]]) {
      for (const rule of rules ?? []) {
        // Kubernetes takes an empty list for everybody.
        if (!(rule[side]?.length > 0)) found.push(`${named(policy)}: a rule ${side} everybody`);
        if (!(rule.ports?.length > 0)) found.push(`${named(policy)}: a rule for every port`);
      }
    }
  }
  return found;
}

function drains(list) {
  const found = [];
  for (const pod of pods(list)) {
    for (const container of pod.spec.containers.filter((each) => each.name === "musubid")) {
      const grace = parseInt(argumentsOf(container).drain_grace, 10);
      const wait = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
      if (!(pod.spec.terminationGracePeriodSeconds >= wait + grace + 5)) {
        found.push(`${pod.name}: is killed while it drains`);
      }
      if (wait < 1) found.push(`${pod.name}: ends before its clients know`);
    }
    for (const container of pod.spec.containers.filter((each) => each.name === "stunnel")) {
      found.push(`${pod.name}: ${container.name} may end before musubid: make it a sidecar`);
    }
  }
  return found;
}

function oneProcessOneReplica(list) {
  const found = [];
  for (const object of servers(list)) {
    for (const container of object.spec.template.spec.containers) {
      const flags = argumentsOf(container);
      if (flags.session_store !== "memory" && flags.link_db === undefined) continue;
      if (object.spec.replicas !== 1 || object.spec.strategy?.type !== "Recreate") {
        found.push(`${named(object)}: several processes with stores of one`);
      }
    }
  }
  return found;
}

function flagsExist(list, planned = PLANNED) {
  const found = [];
  const known = { musubid: flagsOf("musubid"), musubictl: flagsOf("musubictl") };
  for (const program of Object.keys(known)) {
    for (const flag of planned[program]) {
      if (known[program].has(flag)) found.push(`${program} has --${flag} now: take it from PLANNED in deploy/checks/rules.mjs`);
    }
  }
  for (const pod of pods(list)) {
    for (const container of pod.spec.containers) {
      const program = container.command[0];
      if (!(program in known)) continue;
      for (const flag of Object.keys(argumentsOf(container))) {
        if (!known[program].has(flag) && !planned[program].includes(flag)) {
          found.push(`${pod.name}: ${program} has no flag --${flag} (templates/_flags.tpl)`);
        }
      }
    }
  }
  return found;
}

export const RULES = { stableApis, podSecurity, secretsByReference, volumesFit, selectorsFit, probesFit, stateLasts,
  deniedByDefault, drains, oneProcessOneReplica, flagsExist };
