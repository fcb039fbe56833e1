import type { PlanOptions } from "#harness/config/plan.ts";
import type { ImageOptions } from "#harness/images/options.ts";
import { given } from "#harness/lib/given.ts";
import type { Selection } from "#harness/testkit/selection.ts";
import type { labToBuild, Parsed, plan, selection, testing } from "./options.ts";

export const planOptions = (o: Parsed<typeof plan>): PlanOptions =>
  given({
    lab: o.lab,
    labFile: o.labFile,
    profile: o.profile,
    cilium: o.cilium,
    kubernetes: o.kubernetes,
    values: o.values,
    clusters: o.clusters,
    workers: o.workers,
    serviceType: o.serviceType,
  });

export async function imageOptions(
  o: Pick<Parsed<typeof labToBuild>, "images" | "registryMirror">,
): Promise<ImageOptions> {
  const { checkArchiveOption } = await import("#harness/images/options.ts");
  return checkArchiveOption(o.images, o.registryMirror);
}

/** The tests that `run`, `test` and `prove` select. */
const selectionOf = (o: Parsed<typeof selection>): Selection =>
  given({ tags: o.tag, tests: o.test, exclude: o.exclude, shard: o.shard });

/** The same with when to stop. */
export const testingOf = (o: Parsed<typeof testing>) => ({
  selection: selectionOf(o),
  repeat: o.repeat,
  failFast: o.failFast,
  pauseOnFail: o.pauseOnFail,
  ...given({
    rerunFailed: o.rerunFailed,
    suitesDir: o.suitesDir,
    mcsConformance: o.mcsConformance,
    accept: o.accept,
  }),
});
