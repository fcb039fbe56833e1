import { isDeepStrictEqual } from "node:util";
import { givesFigures, type Measurement, methodVersion } from "#harness/model/measurement.ts";
import {
  type JudgedRun,
  type Published,
  type PublishedCampaign,
  plannedRows,
  rowNameOf,
  type Spoiled,
} from "#harness/model/published.ts";

/** What a published version consists of. */
export interface PublishedVersion {
  readonly published: Published;
  /** The same, made again from the complete campaigns of the version, as they are in the repository. */
  readonly again: Published;
  /** The rows of this version in the table of the results page. */
  readonly rows: readonly Readonly<Record<string, string>>[];
  /** The loss records: `keyOf` the measurement of each, and the size of the file. */
  readonly losses: { readonly of: ReadonlySet<string>; readonly bytes: number };
}

/** A breach of a rule of METHOD.md, by its number. */
export interface Violation {
  readonly rule: number;
  readonly what: string;
}

/** The loss records of one version may take this much of the repository. */
export const mostLossBytes = 5 * 1024 * 1024;

/** Names a measurement within its series. */
export const keyOf = ({ runId, at }: Pick<Measurement, "runId" | "at">): string => `${runId} ${at}`;

/** Why a measurement is not published; none if the test machine did not spoil it. */
export const troublesOf = (
  m: Pick<Measurement, "machineTroubles" | "outcome" | "undecided">,
): readonly string[] =>
  m.machineTroubles.length > 0 || givesFigures(m)
    ? m.machineTroubles
    : ["the verdict is unknown: the test machine was disturbed"];

/** The rows whose measurements cannot be pooled. */
export function mixedRows(measurements: readonly Measurement[]): string[] {
  return [...Map.groupBy(measurements, rowNameOf)]
    .filter(
      ([, of]) =>
        new Set(of.map((m) => JSON.stringify([m.setting, m.settingHash, m.sourceHash, m.method]))).size > 1,
    )
    .map(([name]) => name);
}

/** Reasons why measurements must not be published as they are, whatever the table says. */
export function refusalsOf(measurements: readonly Measurement[]): string[] {
  const stale = measurements.filter((m) => m.method !== methodVersion);
  const changed = measurements.filter((m) => m.sourceTree !== "clean");
  const versions = new Set(measurements.map((m) => m.setting.cilium));
  const without = measurements.filter((m) =>
    [m.lab, m.settingHash, m.sourceHash, m.tuned, m.application, m.calibrationMs, m.seed].includes(undefined),
  );
  return [
    ...(stale.length === 0
      ? []
      : [
          `${stale.length} measurements are by method ${stale[0]?.method}, the present one is ${methodVersion}`,
        ]),
    ...(changed.length === 0
      ? []
      : [`${changed.length} measurements were made from sources that are not as committed`]),
    ...(versions.size === 1 ? [] : [`there are measurements of ${versions.size} versions of Cilium`]),
    ...(without.length === 0
      ? []
      : [
          `${without.length} measurements lack lab, setting, sources, tuning, application, calibration or seed`,
        ]),
    ...mixedRows(measurements).map((name) => `${name}: the measurements have several settings or sources`),
  ];
}

/** The rows that two plans contain; a row belongs to one campaign, whose plan says how often it is measured. */
export function plannedTwice(campaigns: readonly PublishedCampaign[]): string[] {
  const rows = plannedRows(campaigns).map(rowNameOf);
  return [...new Set(rows.filter((row, i) => rows.indexOf(row) !== i))];
}

const titleOf = (m: Measurement | Spoiled | JudgedRun): string => `${rowNameOf(m)}, ${m.at}`;

/** Breaches of rules 4, 5, 7 and 11 that the rows do not show. */
export function provenanceViolations({ published, again, losses }: PublishedVersion): Violation[] {
  const { measurements } = published;
  const changed = measurements.filter((m) => m.sourceTree !== "clean");
  const unrecorded = measurements.filter((m) => !losses.of.has(keyOf(m)));
  return [
    ...differences(published.campaigns, again.campaigns, { keyOf: (c) => c.name, titleOf: (c) => c.name }),
    ...differences(measurements, again.measurements, { keyOf, titleOf }),
    ...differences(published.spoiled, again.spoiled, { keyOf, titleOf }),
    // By the present rule: a changed rule shows here, and the figures are to be published again.
    ...differences(published.judged, again.judged, { keyOf, titleOf }),
    ...differences(published.budgets, again.budgets, { keyOf: rowNameOf, titleOf: rowNameOf }),
    ...plannedTwice(published.campaigns).map((row) => ({ rule: 5, what: `${row}: in two plans` })),
    ...mixedRows(measurements).map((name) => ({ rule: 7, what: `${name}: several settings or sources` })),
    ...measurements
      .filter((m) => troublesOf(m).length > 0)
      .map((m) => ({ rule: 11, what: `${titleOf(m)}: spoiled: ${troublesOf(m).join("; ")}` })),
    ...changed.map((m) => ({ rule: 11, what: `${titleOf(m)}: measured from sources with changes` })),
    ...unrecorded.map((m) => ({ rule: 11, what: `${titleOf(m)}: no loss record` })),
    ...(losses.bytes <= mostLossBytes
      ? []
      : [{ rule: 11, what: `the loss records take ${losses.bytes} bytes, at most ${mostLossBytes} may be` }]),
  ];
}

/** What is published and not as the campaigns have it, whole entries and single values. */
function differences<T>(
  published: readonly T[],
  again: readonly T[],
  { keyOf, titleOf }: { readonly keyOf: (entry: T) => string; readonly titleOf: (entry: T) => string },
): Violation[] {
  const shown = new Set(published.map(keyOf));
  const made = new Map(again.map((entry) => [keyOf(entry), entry]));
  return [
    ...again
      .filter((entry) => !shown.has(keyOf(entry)))
      .map((entry) => ({ rule: 4, what: `${titleOf(entry)}: in the repository, and not published` })),
    ...published
      .filter((entry) => !made.has(keyOf(entry)))
      .map((entry) => ({ rule: 11, what: `${titleOf(entry)}: published, and not in the repository` })),
    ...published
      .filter((entry) => made.has(keyOf(entry)) && !isDeepStrictEqual(made.get(keyOf(entry)), entry))
      .map((entry) => ({
        rule: 11,
        what: `${titleOf(entry)}: published otherwise than measured, or than judged by the present rule`,
      })),
    ...(shown.size === published.length ? [] : [{ rule: 11, what: "an entry is published twice" }]),
  ];
}
