import { mkdir } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import { type CampaignPlan, campaignName, readCampaignPlan } from "#harness/config/campaign-plan.ts";
import type { ImageOptions } from "#harness/images/options.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import { meshproofVersion } from "#harness/lib/meshproof-version.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { commitOfSources } from "#harness/platform/commit.ts";
import { lockFolder } from "#harness/platform/lock.ts";
import { machineClass } from "#harness/platform/machine.ts";
import { contentKey, repoRoot, stateDir } from "#harness/platform/paths.ts";
import { sourceOf } from "#harness/platform/source.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { type ListedSuite, loadAllSuites } from "#harness/testkit/suite-list.ts";
import { type Campaign, runCampaign } from "./campaign.ts";
import { CampaignFiles, seriesFile } from "./campaign-files.ts";
import { labWorld } from "./lab-world.ts";
import { refuseOtherPart } from "./mixture.ts";
import { labPlansOf, planHash } from "./plan-hash.ts";
import { scheduleOf } from "./schedule.ts";
import { type CampaignSummary, summaryOf } from "./summary.ts";
import { resolveRows } from "./titles.ts";

export {
  campaignLines,
  exitCodeOfCampaign,
  scheduleLines,
  summaryOf,
} from "./summary.ts";

export interface PrepareOptions {
  readonly file: string;
  readonly lab: string;
  readonly part?: string;
  readonly suitesDir?: string;
}

/** A campaign whose plan, files and sources were checked; nothing was created yet. */
export interface PreparedCampaign {
  readonly campaign: Campaign;
  readonly files: CampaignFiles;
  readonly plan: CampaignPlan;
  readonly plans: ReadonlyMap<string, KindLabPlan>;
  readonly suites: readonly ListedSuite[];
}

/**
 * Reads plan and series. Throws `config-invalid` for a file that is wrong, and `config-conflict` if the series must not
 * be continued with this plan and these sources.
 */
export async function prepareCampaign(options: PrepareOptions): Promise<PreparedCampaign> {
  const { file, lab, part } = options;
  if (part !== undefined && !campaignName.safeParse(part).success)
    throw new MeshproofError(
      "usage",
      `--part ${part} is not a name: lower-case letters, digits, '-' and '.'`,
    );
  const plan = await readCampaignPlan(file);
  const plans = await labPlansOf(plan, lab);
  const suites = await loadAllSuites(options.suitesDir);
  const clustersOf = (setting: string) => plans.get(setting)?.clusters.map((c) => c.name) ?? [];
  const rows = resolveRows(plan, { file, suites, clustersOf });
  const source = await sourceOf();
  const commit = await commitOfSources();
  const campaign: Campaign = {
    stamp: {
      name: plan.name,
      plan: planHash(plan, plans),
      ...given({ part, commit }),
    },
    source,
    seed: plan.seed,
    rows,
    schedule: scheduleOf(rows, plan),
    attempts: plan.attempts,
    newPart: `\`${meshCommand("measure", file, "--part", "NAME")}\``,
  };
  const files = CampaignFiles.read(folderOf(plan.name, part));
  requireSamePart(campaign, files);
  return { campaign, files, plan, plans, suites };
}

function requireSamePart(
  { stamp, source, newPart }: Campaign,
  { measurements, folder }: CampaignFiles,
): void {
  refuseOtherPart(
    measurements,
    { plan: stamp.plan, source, machine: machineClass() },
    { series: join(folder, seriesFile), newPart },
  );
}

const folderOf = (name: string, part: string | undefined): string =>
  join(reportsDir(), "campaigns", name, ...(part === undefined ? [] : [part]));

/** Changed files spoil what is published later, so a campaign without a part of its own does not begin with them. */
export function requireCleanSources({ campaign }: PreparedCampaign): void {
  const { source, stamp, newPart } = campaign;
  if (source.tree !== "changed" || stamp.part !== undefined) return;
  throw new MeshproofError(
    "config-conflict",
    "the working tree has changes: figures that it measures cannot be published",
    { remedy: `commit them, or measure a part of its own, which is never published: ${newPart}` },
  );
}

export interface MeasureOptions {
  readonly prepared: PreparedCampaign;
  readonly images: ImageOptions;
  readonly setup: boolean;
  readonly limitMs?: number;
  readonly command: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Measures what is left of a campaign, in fresh labs, until it is complete or the limit is reached. */
export async function measureCampaign(options: MeasureOptions): Promise<CampaignSummary> {
  const { prepared, limitMs, signal, say } = options;
  const { campaign, plan, plans, suites } = prepared;
  const { folder } = prepared.files;
  const untilMs = limitMs === undefined ? undefined : monotonicMs() + limitMs;
  await using lock = await lockFolder(join(stateDir(), "locks", `campaign-${contentKey(folder)}`), {
    what: `campaign ${plan.name}`,
    waitMs: 5000,
    signal,
  });
  // Read again under the lock: the command that held it may have measured meanwhile.
  const files = CampaignFiles.open(folder);
  requireSamePart(campaign, files);
  const reports = join(reportsDir(), newRunId(), "runs");
  await mkdir(reports, { recursive: true });
  const world = labWorld({
    plans,
    labWords: (setting) => labWords(plan.settings[setting]),
    rows: campaign.rows,
    suites,
    images: options.images,
    setup: options.setup,
    reportsDir: reports,
    command: options.command,
    progress: options.progress,
    say,
  });
  await runCampaign({
    campaign,
    files,
    world,
    meshproof: meshproofVersion,
    say,
    signal: AbortSignal.any([signal, lock.lost]),
    ...given({ untilMs }),
  });
  return summaryOf(campaign, files);
}

function labWords(setting: CampaignPlan["settings"][string] | undefined): string[] {
  if (setting === undefined) return [];
  const { labFile, cilium, kubernetes } = setting;
  const file = isAbsolute(labFile) ? relative(repoRoot(), labFile) : labFile;
  return [
    "--lab-file",
    file.startsWith("..") ? labFile : file,
    ...(cilium === undefined ? [] : ["--cilium", cilium]),
    ...(kubernetes === undefined ? [] : ["--kubernetes", kubernetes]),
  ];
}
