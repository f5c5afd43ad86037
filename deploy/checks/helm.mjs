// Runs helm on the chart. No cluster: nothing here asks one.
import { spawnSync } from "node:child_process";
import { parseAllDocuments } from "yaml";

const HELM = "build/deploy/layer/helm/helm";
export const CHART = "deploy/helm/musubi";

function helm(args) {
  const run = spawnSync(HELM, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  if (run.error) throw run.error;
  return run;
}

function options({ values = [], set = [] }) {
  return [...values.flatMap((name) => ["-f", `${CHART}/values-${name}.yaml`]),
          ...set.flatMap((value) => ["--set-json", value])];
}

// What a release "musubi" would be, as text. Throws what helm says if it refuses.
export function render(variant) {
  const run = helm(["template", "musubi", CHART, ...options(variant), ...(variant.more ?? [])]);
  if (run.status !== 0) throw new Error(run.stderr.trim());
  return run.stdout;
}

// The objects of such a text. Kubernetes reads YAML 1.1, where 0440 is octal.
export function objects(text) {
  return parseAllDocuments(text, { version: "1.1" }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  }).filter((object) => object !== null);
}

// null if helm has no complaint, else what it says.
export function lint(variant) {
  const run = helm(["lint", "--strict", "--quiet", CHART, ...options(variant)]);
  return run.status === 0 ? null : (run.stdout + run.stderr).trim();
}
