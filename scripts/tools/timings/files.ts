import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import {
  publishedTimingsFormat,
  type Timing,
  type TimingTopic,
  timingFormat,
} from "#harness/model/timing.ts";
import { repoRoot } from "#harness/platform/paths.ts";

export const dataFile = (): string => join(repoRoot(), "reports/published/timings.json");
export const pageFile = (topic: TimingTopic): string => join(repoRoot(), `docs/results/${topic}.md`);

export const readTimings = async () =>
  parseRecord(await readFile(dataFile(), "utf8"), publishedTimingsFormat, {
    what: `the published times (${dataFile()})`,
    remedy: "restore the file from git",
  });

/** What the tests of a run timed. Throws `usage` if it timed nothing. */
export async function timingsOf(runDir: string): Promise<Timing[]> {
  const dir = join(runDir, "timings");
  const files = (await readdir(dir).catch(() => [])).filter((f) => f.endsWith(".json")).sort();
  if (files.length === 0)
    throw new MeshproofError("usage", `${dir} holds no times`, {
      remedy:
        "name the folder of a run of propagation, fresh-node, recovery-overload, membership, dead-cluster or failover-delays",
    });
  return Promise.all(
    files.map(async (file) =>
      parseRecord(await readFile(join(dir, file), "utf8"), timingFormat, {
        what: `the times in ${join(dir, file)}`,
        remedy: "name another run, or run it again",
      }),
    ),
  );
}
