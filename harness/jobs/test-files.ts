import { checkWritable, readUserFile } from "#harness/config/user-file.ts";
import { readSeries } from "#harness/measure/series.ts";
import { checkConformance } from "./mcs-conformance.ts";

/** User-supplied file paths of `run` and `test`. */
export interface TestFiles {
  readonly summary?: string;
  readonly series?: string;
  readonly baseline?: string;
  readonly mcsConformance?: string;
}

/** Throws `config-invalid` for a file that cannot be read, written or run, before any change. */
export function checkTestFiles({ summary, series, baseline, mcsConformance }: TestFiles): void {
  if (mcsConformance !== undefined) checkConformance(mcsConformance);
  if (summary !== undefined) checkWritable(summary, "--summary");
  if (series !== undefined) {
    checkWritable(series, "--series");
    readSeries(series);
  }
  if (baseline !== undefined) {
    // A missing baseline is a mistake; a missing series is created.
    readUserFile(baseline, "--baseline");
    readSeries(baseline);
  }
}
