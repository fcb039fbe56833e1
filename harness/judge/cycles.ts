import type { CycleRecord } from "#harness/model/certification-cycle.ts";
import { describeDifferences, differingSettings } from "#harness/model/setting.ts";

/** What identifies a cycle. */
export type IdentifiedCycle = Pick<
  CycleRecord,
  "from" | "to" | "runId" | "cycle" | "lab" | "method" | "setting" | "settingHash" | "sourceHash" | "budgets"
>;

/** Why cycles cannot be one certificate; none if they can. */
export function mixtureOf(cycles: readonly IdentifiedCycle[]): string[] {
  const [first] = cycles;
  if (first === undefined) return ["there is no cycle"];
  const reasons: string[] = [];
  for (const [i, c] of cycles.entries()) {
    const say = (text: string): void => void reasons.push(`${nameOf(c)}: ${text}, unlike ${nameOf(first)}`);
    if (c.from !== first.from || c.to !== first.to) say(`it is of ${c.from} to ${c.to}`);
    if (c.method !== first.method) say(`it was measured by method ${c.method}`);
    if (c.sourceHash !== first.sourceHash) say(`its sources have the hash ${c.sourceHash}`);
    if (JSON.stringify(c.budgets) !== JSON.stringify(first.budgets)) say("it has other budgets");
    if (c.settingHash !== first.settingHash) say(`its setting differs (${differences(c, first)})`);
    const twin = cycles.slice(0, i).find((o) => o.lab === c.lab);
    if (twin !== undefined) reasons.push(`${nameOf(twin)} and ${nameOf(c)} are from one lab`);
  }
  return reasons;
}

export const nameOf = ({ runId, cycle }: Pick<IdentifiedCycle, "runId" | "cycle">): string =>
  `cycle ${cycle} of ${runId}`;

function differences({ setting: a }: IdentifiedCycle, { setting: b }: IdentifiedCycle): string {
  if (a === undefined || b === undefined) return "one failed before its setting was read";
  const own = (["newValues", "deadlineMs", "bothOrders", "skipRollback", "disturb"] as const).filter(
    (key) => a[key] !== b[key],
  );
  const others = (["order", "newComponents"] as const).filter(
    (key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]),
  );
  return [...describeDifferences(differingSettings(a.lab, b.lab)), ...own, ...others].slice(0, 5).join("; ");
}
