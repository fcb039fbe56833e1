import { isDeepStrictEqual } from "node:util";
import { MeshproofError } from "#harness/lib/errors.ts";
import { methodVersion } from "#harness/model/measurement.ts";
import { differingSettings, type SettingRecord } from "#harness/model/setting.ts";
import type { Source } from "#harness/platform/source.ts";
import { type CampaignMeasurement, counts } from "./campaign-files.ts";

/** What measures now, as far as it is known before a lab exists. */
export interface Measuring {
  /** Hash of the plan. */
  readonly plan: string;
  readonly source: Source;
  readonly machine: SettingRecord["machine"];
}

/** Throws `config-conflict` if a series must not be continued: whatever would follow could not be pooled with it. */
export function refuseOtherPart(
  measured: readonly CampaignMeasurement[],
  now: Measuring,
  { series, newPart }: { readonly series: string; readonly newPart: string },
): void {
  const differing = measured.map((m) => differenceTo(m, now)).find((why) => why !== undefined);
  if (differing === undefined) return;
  throw new MeshproofError("config-conflict", `${series} was measured with ${differing}`, {
    remedy: `restore that, or begin a new part: ${newPart}`,
  });
}

function differenceTo(m: CampaignMeasurement, { plan, source, machine }: Measuring): string | undefined {
  if (m.campaign.plan !== plan) return "another plan: its rows, seed, lab files or versions were changed";
  if (m.method !== methodVersion) return `method ${m.method}; this is method ${methodVersion}`;
  if (m.sourceHash !== undefined && m.sourceHash !== source.hash)
    return `other sources of Meshproof (hash ${m.sourceHash}; now ${source.hash})`;
  if (m.sourceTree !== undefined && m.sourceTree !== source.tree)
    return `${treeText[m.sourceTree]}; now it has ${treeText[source.tree]}`;
  const on = m.settingRecord?.machine;
  if (counts(m) && on !== undefined && !isDeepStrictEqual(on, machine))
    return `another machine: ${classText(on)}; this is ${classText(machine)}`;
  return undefined;
}

const classText = ({ cores, memoryGiB, kernel }: SettingRecord["machine"]): string =>
  `${cores} cores, ${memoryGiB} GiB, kernel ${kernel}`;

const treeText = {
  clean: "a working tree without changes",
  changed: "a working tree with changes",
  "no git": "a copy without git",
} as const;

/**
 * Throws `config-conflict` if a new measurement must not stand in a series with the earlier ones that count: another
 * method, other sources, or, for its row, another setting, tuning or application. One that the test machine spoiled binds
 * nothing.
 */
export function refuseMixture(
  earlier: readonly CampaignMeasurement[],
  measured: CampaignMeasurement,
  newPart: string,
): void {
  const refuse = (what: string, was: unknown, is: unknown): never => {
    throw new MeshproofError(
      "config-conflict",
      `${measured.campaign.row}: ${what} is ${JSON.stringify(is)}, in this series it is ${JSON.stringify(was)}`,
      { remedy: `restore the earlier one, or begin a new part: ${newPart}` },
    );
  };
  const counted = earlier.filter(counts);
  const [first] = counted;
  if (first !== undefined)
    for (const key of ["method", "sourceHash"] as const)
      if (first[key] !== measured[key]) refuse(key, first[key], measured[key]);
  const same = counted.find((m) => m.campaign.row === measured.campaign.row);
  if (same === undefined) return;
  if (same.settingHash !== measured.settingHash) refuse("setting", ...settingsOf(same, measured));
  for (const key of ["tuned", "application"] as const)
    if (same[key] !== measured[key]) refuse(key, same[key], measured[key]);
  // The hash covers it, with the kernel's minor version only.
  if (measured.settingHash === undefined && JSON.stringify(same.setting) !== JSON.stringify(measured.setting))
    refuse("setting", same.setting, measured.setting);
}

/** What a reader can compare: the keys that differ, or at least the hashes. */
function settingsOf(was: CampaignMeasurement, is: CampaignMeasurement): [unknown, unknown] {
  if (was.settingRecord === undefined || is.settingRecord === undefined)
    return [was.settingHash, is.settingHash];
  const differences = differingSettings(was.settingRecord, is.settingRecord);
  const side = (i: 0 | 1) =>
    Object.fromEntries(differences.map(({ key, values }) => [key, values[i] ?? null]));
  return [side(0), side(1)];
}
