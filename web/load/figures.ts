// Figures of all repetitions: a row's median, least and greatest; as a table, and as bench/report.h's JSON,
// which bench/performance.py puts into docs/performance.md.

export interface Row {
  name: string;
  unit: string;
  median: number;
  min: number;
  max: number;
  repetitions: number;
}

/** Of at least one value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

export class Table {
  readonly #values = new Map<string, { unit: string; values: number[] }>();

  add(name: string, unit: string, value: number): void {
    const row = this.#values.get(name) ?? { unit, values: [] };
    row.values.push(value);
    this.#values.set(name, row);
  }

  rows(): Row[] {
    return [...this.#values].map(([name, { unit, values }]) => ({
      name,
      unit,
      median: median(values),
      min: Math.min(...values),
      max: Math.max(...values),
      repetitions: values.length,
    }));
  }

  text(): string {
    const figure = (value: number): string => value.toPrecision(4);
    return this.rows()
      .map(
        ({ name, unit, median: middle, min, max }) =>
          `${name.padEnd(28)} ${figure(middle).padStart(10)} (${figure(min)}..${figure(max)}) ${unit}`,
      )
      .join("\n");
  }
}
