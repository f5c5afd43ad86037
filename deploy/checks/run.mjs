// scripts/test deploy: the chart is linted, rendered, compared with its golden renders, held to
// Kubernetes' API and to the rules; and each of these checks is shown an error that it must find.
// `run.mjs renew` writes the golden renders instead. Results: build/deploy/results/deploy.xml.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { CHART, lint, objects, render } from "./helm.mjs";
import { NONSENSE, PLANTED_IN_FORM, PLANTED_IN_RULES, VARIANTS } from "./cases.mjs";
import { RULES, flagsOf } from "./rules.mjs";
import { againstSchemas, againstTypes } from "./types.mjs";

const GOLDEN = ["small", "ha"];
const goldenFile = (name) => `deploy/checks/golden/${name}.yaml`;

// null if they are the same, else the first line that differs and how to renew.
function differs(name, golden, text) {
  if (golden === text) return null;
  const [want, have] = [golden.split("\n"), text.split("\n")];
  const at = have.findIndex((line, index) => line !== want[index]);
  const line = at < 0 ? have.length : at;
  return `${goldenFile(name)}:${line + 1}: differs\n    golden:   ${want[line] ?? "(ends)"}\n    rendered: ${have[line] ?? "(ends)"}\n` +
    "    If that is meant: scripts/test deploy renew, and read the diff before you commit it.";
}

if (process.argv[2] === "renew") {
  for (const name of GOLDEN) {
    writeFileSync(goldenFile(name), render(VARIANTS[name]));
    console.log(`wrote ${goldenFile(name)}`);
  }
  process.exit(0);
}

const results = [];
async function check(name, body) {
  let failure = null;
  try {
    const found = await body();
    if (Array.isArray(found) ? found.length > 0 : found) failure = Array.isArray(found) ? found.slice(0, 10).join("\n") : found;
  } catch (error) {
    failure = error.message;
  }
  results.push({ name, failure });
  if (failure !== null) console.log(`FAILED: ${name}\n  ${failure}`);
}
const mustFind = (found, what) => found.some((line) => line.match(what)) ? null
  : `not found; what was said: ${found.join("; ") || "nothing"}`;

const rendered = {};
for (const [name, variant] of Object.entries(VARIANTS)) {
  await check(`${name}: helm lint`, () => lint(variant));
  await check(`${name}: renders, without blanks at an end of line`, () => {
    const text = render(variant);
    rendered[name] = { text, objects: objects(text) };
    return text.split("\n").filter((line) => / $/.test(line));
  });
}
for (const name of GOLDEN) {
  await check(`${name}: golden render`, () => differs(name, readFileSync(goldenFile(name), "utf8"), rendered[name].text));
  await check(`${name}: a change of the golden render is found`, () =>
    differs(name, rendered[name].text.replace("musubid", "musubi"), rendered[name].text) ? null : "not found");
}

const planted = PLANTED_IN_FORM.map(([name, mutate, by, what], index) => {
  const list = structuredClone(rendered.ha.objects);
  mutate(list);
  return { name, by, what, group: `planted${index}`, objects: list };
});
const byTypes = againstTypes(Object.fromEntries([
  ...Object.entries(rendered).map(([name, each]) => [name, each.objects]),
  ...planted.map((each) => [each.group, each.objects]),
]));
for (const [name, each] of Object.entries(rendered)) {
  await check(`${name}: every field is one of the API's`, () => byTypes[name]);
  await check(`${name}: every value is one that the API takes`, () => againstSchemas(each.objects));
  for (const [rule, complaints] of Object.entries(RULES)) {
    await check(`${name}: ${rule}`, () => complaints(each.objects));
  }
}
for (const each of planted) {
  if (each.by.includes("types")) await check(`found by types: ${each.name}`, () => mustFind(byTypes[each.group], each.what));
  if (each.by.includes("schemas")) {
    await check(`found by schemas: ${each.name}`, async () => mustFind(await againstSchemas(each.objects), each.what));
  }
}
for (const [rule, variant, name, mutate] of PLANTED_IN_RULES) {
  await check(`found by ${rule}: ${name}`, () => {
    const list = structuredClone(rendered[variant].objects);
    mutate(list);
    return mustFind(RULES[rule](list), ".");
  });
}

for (const [name, values, set, what] of NONSENSE) {
  await check(`refused: ${name}`, () => {
    try {
      render({ values: [values], set: [set] });
    } catch (error) {
      return error.message.includes(what) ? null : `refused with other words: ${error.message}`;
    }
    return "helm takes it";
  });
}
await check("refused: a Kubernetes without sidecars", () => {
  try {
    render({ values: ["small"], more: ["--kube-version", "1.28.0"] });
  } catch (error) {
    return error.message.includes("incompatible with Kubernetes v1.28.0") ? null : error.message;
  }
  return "helm takes it";
});
await check("the flags of values.schema.json are musubid's", () => {
  const schema = JSON.parse(readFileSync(`${CHART}/values.schema.json`, "utf8"));
  const known = flagsOf("musubid");
  return Object.keys(schema.properties.flags.properties).filter((flag) => !known.has(flag));
});

await check("the chart's versions are the project's", () => {
  const chart = readFileSync(`${CHART}/Chart.yaml`, "utf8");
  const project = readFileSync("CMakeLists.txt", "utf8").match(/project\(musubi VERSION ([\d.]+)/)[1];
  return chart.includes(`\nversion: ${project}\nappVersion: "${project}"\n`) ? null : `not ${project}`;
});

const text = (value) => value.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const failed = results.filter((result) => result.failure !== null).length;
mkdirSync("build/deploy/results", { recursive: true });
writeFileSync("build/deploy/results/deploy.xml",
  `<?xml version="1.0"?>\n<testsuites tests="${results.length}" failures="${failed}" errors="0" disabled="0">\n` +
  results.map(({ name, failure }) => `<testcase name="${text(name)}">${failure === null ? "" : `<failure>${text(failure)}</failure>`}</testcase>\n`).join("") +
  "</testsuites>\n");
process.exit(failed === 0 ? 0 : 1);
