import type { Measurement } from "#harness/model/measurement.ts";
import { describeDifferences, differingSettings } from "#harness/model/setting.ts";

export type Pooled = Pick<
  Measurement,
  | "method"
  | "scenario"
  | "affinity"
  | "struck"
  | "application"
  | "settingHash"
  | "settingRecord"
  | "sourceHash"
>;

const sameScenario = (a: Pooled, b: Pooled): boolean =>
  a.scenario === b.scenario &&
  a.affinity === b.affinity &&
  a.struck === b.struck &&
  a.application === b.application;

/** Measurements are pooled only if scenario, direction and method are equal, and both hashes are known and equal. */
export const arePooled = (a: Pooled, b: Pooled): boolean =>
  sameScenario(a, b) &&
  a.method === b.method &&
  isKnownAndEqual(a.settingHash, b.settingHash) &&
  isKnownAndEqual(a.sourceHash, b.sourceHash);

const isKnownAndEqual = (a: string | undefined, b: string | undefined): boolean => a !== undefined && a === b;

/** Why measurements of one scenario and direction are not pooled; empty if they are, or are not of one scenario. */
export function whyNotPooled(a: Pooled, b: Pooled): string[] {
  if (!sameScenario(a, b) || arePooled(a, b)) return [];
  const reasons: string[] = [];
  if (a.method !== b.method) reasons.push(`method: ${a.method}, ${b.method}`);
  if (!isKnownAndEqual(a.sourceHash, b.sourceHash))
    reasons.push(`sources that measure: ${a.sourceHash ?? "not known"}, ${b.sourceHash ?? "not known"}`);
  if (isKnownAndEqual(a.settingHash, b.settingHash)) return reasons;
  if (a.settingRecord === undefined || b.settingRecord === undefined)
    return [...reasons, `setting: ${a.settingHash ?? "not known"}, ${b.settingHash ?? "not known"}`];
  return [...reasons, ...describeDifferences(differingSettings(a.settingRecord, b.settingRecord))];
}
