import type { Difference } from "#harness/model/source-environment.ts";

interface Weight {
  readonly matters?: Difference["matters"];
  readonly part?: Difference["part"];
}

/** Notes what a cluster of the source has and the lab's has in its place. */
export type Say = (what: string, inSource: unknown, inLab: unknown, weight?: Weight) => void;

const textOf = (value: unknown): string =>
  typeof value === "object" ? JSON.stringify(value) : String(value);

export function sayOf(cluster: string, differences: Difference[]): Say {
  return (field, inSource, inLab, { matters = "perhaps", part = "other" } = {}) => {
    const [a, b] = [textOf(inSource), textOf(inLab)];
    const isSame = a === b;
    differences.push({
      cluster,
      field,
      inSource: a,
      inLab: b,
      difference: isSame ? "" : "differs",
      matters: isSame ? "no" : matters,
      part,
    });
  };
}
