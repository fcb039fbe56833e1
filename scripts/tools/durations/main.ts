// `npm run durations -- RUN...`: medians of what suites and faults took in these run folders, for `--shard`.
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { durationsFile, readDurations } from "#harness/testkit/durations.ts";
import { loadSuites } from "#harness/testkit/suite-list.ts";
import { toolWords } from "../command-line.ts";
import { durationsOf, readTimedRun, textOf } from "./durations.ts";

guardOutput();
const usage = "npm run durations -- reports/RUN...";
const dirs = toolWords({
  usage,
  does: "Writes the medians of what suites and faults took in these run folders, for `--shard`.",
});
try {
  if (dirs.length === 0) throw new MeshproofError("usage", "no run is named", { remedy: `usage: ${usage}` });
  const all = await loadSuites();
  const runs = await Promise.all(dirs.map(readTimedRun));
  const durations = durationsOf(
    readDurations(),
    runs,
    (name, clusters) => all.find((s) => s.info.name === name)?.tests({ clusters }).length,
  );
  await writeAtomic(durationsFile, textOf(durations));
  const { suites, faults } = durations;
  process.stdout.write(
    `${durationsFile}: ${Object.keys(suites).length} suites, ${Object.keys(faults).length} faults\n`,
  );
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
await exit();
