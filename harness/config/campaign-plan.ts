import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { applications } from "#harness/model/application.ts";
import { affinities } from "#harness/model/measurement.ts";
import { suiteNameSchema } from "#harness/model/suite-name.ts";
import { readYaml, validate } from "./yaml-file.ts";

const nameRule = /^[a-z0-9](?:[-.a-z0-9]{0,48}[a-z0-9])?$/;
const nameMessage = "lower-case letters, digits, '-' and '.', at most 50 characters";
/** The name of a campaign or of a part of one: it becomes the name of a folder. */
export const campaignName = z.string().regex(nameRule, nameMessage);

const settingSchema = z.strictObject({
  labFile: z.string().describe("The lab file of its labs; relative to this file."),
  cilium: z.string().exactOptional().describe("Cilium version, instead of the lab file's."),
  kubernetes: z.string().exactOptional().describe("Kubernetes version, instead of the lab file's."),
});

const rowSchema = z
  .strictObject({
    scenario: z.string().min(1).describe("The scenario, as the titles of its tests name it."),
    affinity: z.enum(affinities).describe("The affinity of the measured service."),
    suite: suiteNameSchema
      .exactOptional()
      .describe("The suite of the scenario; needed only if several suites have it."),
    application: z.enum(applications).default("exits").describe("How the backends end."),
    setting: z.string().exactOptional().describe("A key of `settings`; needed only if there are several."),
    runs: z.number().int().min(1).max(1000).describe("How many measurements the row needs."),
    labs: z.number().int().min(1).max(100).describe("Over how many fresh labs they are spread."),
    seconds: z
      .number()
      .positive()
      .default(60)
      .describe("About how long one run takes: for the estimate of the time left until runs were timed."),
  })
  .refine((row) => row.labs <= row.runs, { path: ["labs"], message: "there are fewer runs than labs" });
export type CampaignRow = Infer<typeof rowSchema>;

/** The name of a row, which only a campaign's own files and lines use. */
export const rowName = (row: CampaignRow): string =>
  [...titleWords(row), ...(row.setting === undefined ? [] : [`setting ${row.setting}`])].join(", ");

/** A row's part of the titles of its tests. */
export const titleWords = ({ scenario, affinity, application }: CampaignRow): string[] => [
  scenario,
  `affinity ${affinity}`,
  ...(application === "exits" ? [] : [`application ${application}`]),
];

export const campaignPlanSchema = z
  .strictObject({
    name: campaignName.describe("Name of the campaign and of its folder, `reports/campaigns/<name>/`."),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .describe("Decides the random order of labs and runs."),
    settings: z
      .record(campaignName, settingSchema)
      .refine((all) => Object.keys(all).length > 0, "name at least one setting")
      .describe("The labs of the campaign, by a name that rows refer to."),
    rows: z.array(rowSchema).min(1, "name at least one row").describe("What is measured, and how often."),
    runsPerSetUp: z
      .number()
      .int()
      .min(1)
      .max(50)
      .default(4)
      .describe(
        "At most this many runs in a row share one set-up of their suite. A smaller number mixes the order more and takes longer.",
      ),
    attempts: z
      .number()
      .int()
      .min(1)
      .max(10)
      .default(3)
      .describe(
        "How often a run is tried that gave no figure, or whose figure the test machine spoiled. All spoiled measurements are kept.",
      ),
  })
  .superRefine(({ settings, rows }, context) => {
    const names = Object.keys(settings);
    const seen = new Set<string>();
    for (const [i, row] of rows.entries()) {
      const issue = (key: string, message: string) =>
        context.addIssue({ code: "custom", path: ["rows", i, key], message });
      if (row.setting === undefined && names.length > 1)
        issue("setting", `name one of the settings ${names.join(", ")}`);
      if (row.setting !== undefined && !names.includes(row.setting))
        issue("setting", `there is no setting ${row.setting}; name one of ${names.join(", ")}`);
      if (seen.has(rowName(row))) issue("scenario", `a second row is named "${rowName(row)}"`);
      seen.add(rowName(row));
    }
    for (const name of names)
      if (names.length > 1 && !rows.some((row) => row.setting === name))
        context.addIssue({ code: "custom", path: ["settings", name], message: "no row has this setting" });
  });
export type CampaignPlan = Infer<typeof campaignPlanSchema>;

/** The key of a row's setting. */
export const settingOfRow = ({ settings }: CampaignPlan, row: CampaignRow): string =>
  row.setting ?? Object.keys(settings)[0] ?? "";

/** A campaign's plan; its lab files are absolute or relative to the working folder. */
export async function readCampaignPlan(path: string): Promise<CampaignPlan> {
  const plan: CampaignPlan = validate(
    campaignPlanSchema,
    await readYaml(path, "the plan of a campaign"),
    path,
    "see docs/reference/campaign-plan.md, and reports/campaigns/*/plan.yaml for valid files",
  );
  const settings = Object.entries(plan.settings).map(([name, setting]) => {
    const { labFile } = setting;
    return [name, { ...setting, labFile: isAbsolute(labFile) ? labFile : join(dirname(path), labFile) }];
  });
  return { ...plan, settings: Object.fromEntries(settings) };
}
