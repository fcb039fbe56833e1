import type { CampaignPlan } from "#harness/config/campaign-plan.ts";
import { planLab } from "#harness/config/plan.ts";
import { hashOf } from "#harness/lib/canonical-json.ts";
import { given } from "#harness/lib/given.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";

/** The labs of a campaign, by setting. */
export async function labPlansOf(plan: CampaignPlan, lab: string): Promise<Map<string, KindLabPlan>> {
  const plans = new Map<string, KindLabPlan>();
  for (const [name, { labFile, cilium, kubernetes }] of Object.entries(plan.settings)) {
    const versions = given({ cilium: listOf(cilium), kubernetes: listOf(kubernetes) });
    plans.set(name, await planLab({ lab, labFile, ...versions }));
  }
  return plans;
}

const listOf = <T>(value: T | undefined): readonly T[] | undefined =>
  value === undefined ? undefined : [value];

/** Of all that decides what is measured, in which order, and in which labs; not of paths and comments. */
export function planHash(plan: CampaignPlan, plans: ReadonlyMap<string, KindLabPlan>): string {
  const settings = Object.fromEntries(
    [...plans].map(([name, { lab: _, labFile: _f, suites: _s, ciliumReason: _r, ...setting }]) => [
      name,
      setting,
    ]),
  );
  const { name, seed, runsPerSetUp } = plan;
  const rows = plan.rows.map(({ seconds: _, ...row }) => row);
  return hashOf({ name, seed, runsPerSetUp, rows, settings });
}
