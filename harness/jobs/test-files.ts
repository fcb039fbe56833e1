import { checkWritable, readUserFile } from "#harness/config/user-file.ts";
import { readSeries } from "#harness/measure/series.ts";

/** Files that `run` and `test` read or write for a person. */
export interface TestFiles {
  readonly summary?: string;
  readonly series?: string;
  readonly baseline?: string;
}

/** Throws `config-invalid` for one that cannot be read or written, before anything else is touched. */
export function checkTestFiles({ summary, series, baseline }: TestFiles): void {
  if (summary !== undefined) checkWritable(summary, "--summary");
  if (series !== undefined) {
    checkWritable(series, "--series");
    readSeries(series);
  }
  if (baseline !== undefined) {
    // A baseline that is not there is a slip; a series that is not there is a new one.
    readUserFile(baseline, "--baseline");
    readSeries(baseline);
  }
}
