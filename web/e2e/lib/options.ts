// How this run was asked for: set by e2e/main.ts, read by e2e/run.ts, which is loaded by the test runner.

export interface Options {
  /** Folder of musubid_testclock and its like. */
  bin: string;
  /** Folder of results, pictures and the stage. */
  out: string;
  /** Regular expression that names of journeys fit; empty: all. */
  name: string;
}

let current: Options | undefined;

export function setOptions(options: Options): void {
  current = options;
}

export function options(): Options {
  if (current === undefined) throw new Error("journeys are run by e2e/main.ts");
  return current;
}
