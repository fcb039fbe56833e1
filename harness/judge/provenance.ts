import { givesFigures, type Measurement, methodVersion } from "#harness/model/measurement.ts";
import type { Published } from "#harness/model/published.ts";

/** What a published version consists of. */
export interface PublishedVersion {
  readonly published: Published;
  /** The rows of this version in the table of the results page. */
  readonly rows: readonly Readonly<Record<string, string>>[];
  /** The measurements of the series that `published` names, as they are in the repository. */
  readonly series: readonly Measurement[];
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
export const troublesOf = (m: Measurement): readonly string[] =>
  m.machineTroubles.length > 0 || givesFigures(m)
    ? m.machineTroubles
    : ["the verdict is unknown: the test machine was disturbed"];

/** What a row is about; it must have one setting and one state of the sources. */
const rowOf = (m: Measurement): string =>
  [m.scenario, m.affinity, m.application, m.tuned === true ? "tuned" : "untuned"].join(", ");

/** The rows whose measurements cannot be pooled. */
export function mixedRows(measurements: readonly Measurement[]): string[] {
  return [...Map.groupBy(measurements, rowOf)]
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

/** Breaches of rules 4, 7 and 11 that the rows do not show. */
export function provenanceViolations({ published, series, losses }: PublishedVersion): Violation[] {
  const { measurements, cilium } = published;
  const held = new Set(measurements.map(keyOf));
  const dropped = series.filter(
    (m) => m.setting.cilium === cilium && troublesOf(m).length === 0 && !held.has(keyOf(m)),
  );
  const recorded = new Set(series.map(keyOf));
  return [
    ...dropped.map((m) => ({ rule: 4, what: `${rowOf(m)}, ${m.at}: in the series, and not published` })),
    ...measurements
      .filter((m) => !recorded.has(keyOf(m)))
      .map((m) => ({
        rule: 11,
        what: `${rowOf(m)}, ${m.at}: published, and in no series of the repository`,
      })),
    ...mixedRows(measurements).map((name) => ({ rule: 7, what: `${name}: several settings or sources` })),
    ...measurements
      .filter((m) => troublesOf(m).length > 0)
      .map((m) => ({ rule: 11, what: `${rowOf(m)}, ${m.at}: spoiled: ${troublesOf(m).join("; ")}` })),
    ...measurements
      .filter((m) => m.sourceTree !== "clean")
      .map((m) => ({ rule: 11, what: `${rowOf(m)}, ${m.at}: measured from sources with changes` })),
    ...measurements
      .filter((m) => !losses.of.has(keyOf(m)))
      .map((m) => ({ rule: 11, what: `${rowOf(m)}, ${m.at}: no loss record` })),
    ...(losses.bytes <= mostLossBytes
      ? []
      : [{ rule: 11, what: `the loss records take ${losses.bytes} bytes, at most ${mostLossBytes} may be` }]),
  ];
}
