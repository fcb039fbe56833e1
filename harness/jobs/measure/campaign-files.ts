import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { readUserFile } from "#harness/config/user-file.ts";
import { troublesOf } from "#harness/judge/provenance.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord, type RecordFormat } from "#harness/lib/records.ts";
import { lastLosses, packedLine } from "#harness/measure/loss-files.ts";
import { correctSeries, readSeries } from "#harness/measure/series.ts";
import { type CampaignEntry, campaignEntryFormat } from "#harness/model/campaign-journal.ts";
import type { LossRecord } from "#harness/model/loss-record.ts";
import {
  type CampaignStamp,
  givesFigures,
  type Measurement,
  spoiledByHost,
} from "#harness/model/measurement.ts";
import { appendToReportNow } from "#harness/platform/report-files.ts";
import { keyOf, type RunsSoFar } from "./schedule.ts";

export const seriesFile = "series.ndjson";
export const lossesFile = "series.losses.ndjson";
export const journalFile = "journal.ndjson";

/** A measurement that a campaign made. */
export type CampaignMeasurement = Measurement & { readonly campaign: CampaignStamp };

/** Whether its figures may be published; any other is kept, and the run is repeated. */
export const counts = (m: Measurement): boolean => troublesOf(m).length === 0;

/** Appends one complete line to a file; replaced in unit tests, which end it in the middle. */
export type AppendLine = (file: string, line: string) => void;

/** Written and synchronised before the next step, so that neither a kill nor a power failure loses it. */
const appendLine: AppendLine = (file, line) => {
  appendToReportNow(file, `${line}\n`);
  const handle = openSync(file, "r+");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

/**
 * The files of a campaign, or of one part of it: all that a resumed campaign needs. The order of writing makes each run
 * either complete or absent: first its loss record, then its measurement, which decides.
 */
export class CampaignFiles {
  readonly folder: string;
  readonly #append: AppendLine;
  readonly #measurements: CampaignMeasurement[];
  readonly #entries: CampaignEntry[];

  /** Without changing anything: another command may be measuring. Throws `config-invalid` for what cannot be read. */
  static read(folder: string): CampaignFiles {
    return new CampaignFiles(folder, () => {
      throw new Error("these files were opened for reading");
    });
  }

  /** For measuring, under the campaign's lock: cuts what a killed command left incomplete. */
  static open(folder: string, append: AppendLine = appendLine): CampaignFiles {
    mkdirSync(folder, { recursive: true });
    for (const name of [seriesFile, lossesFile, journalFile]) cutTornLine(join(folder, name));
    const files = new CampaignFiles(folder, append);
    files.#cutOrphan();
    return files;
  }

  private constructor(folder: string, append: AppendLine) {
    this.folder = folder;
    this.#append = append;
    this.#measurements = readSeries(this.#path(seriesFile)).map((m, i) =>
      stamped(m, this.#path(seriesFile), i),
    );
    refuseTwice(this.#measurements, this.#path(seriesFile));
    this.#entries = readLines(this.#path(journalFile), campaignEntryFormat, "a campaign's journal");
  }

  get measurements(): readonly CampaignMeasurement[] {
    return this.#measurements;
  }

  get entries(): readonly CampaignEntry[] {
    return this.#entries;
  }

  /** Adds a measured run. */
  keep(measurement: CampaignMeasurement, losses: LossRecord | undefined): void {
    if (losses !== undefined) this.#append(this.#path(lossesFile), packedLine(losses));
    this.#append(this.#path(seriesFile), JSON.stringify(measurement));
    this.#measurements.push(measurement);
  }

  note(entry: CampaignEntry): void {
    this.#append(this.#path(journalFile), JSON.stringify(entry));
    this.#entries.push(entry);
  }

  /** Some disturbances of the test machine show only after the run: its measurement becomes `unknown`. */
  spoiled(keys: ReadonlySet<string>): void {
    const isSpoiled = (m: Measurement): boolean =>
      m.campaign !== undefined && givesFigures(m) && keys.has(keyOf(m.campaign));
    correctSeries(this.#path(seriesFile), (m) => (isSpoiled(m) ? spoiledByHost(m) : undefined));
    for (const [i, m] of this.#measurements.entries())
      if (isSpoiled(m)) this.#measurements[i] = { ...spoiledByHost(m), campaign: m.campaign };
  }

  soFar(): RunsSoFar {
    const failedAttempts = new Map<string, number>();
    const failed = (key: string) => failedAttempts.set(key, (failedAttempts.get(key) ?? 0) + 1);
    for (const m of this.#measurements) if (!counts(m)) failed(keyOf(m.campaign));
    for (const e of this.#entries) if (e.event === "run" && e.outcome === "no figure") failed(keyOf(e));
    const counted = this.#measurements.filter(counts);
    const labs = [
      ...this.#measurements.map((m) => m.campaign.lab),
      ...this.#entries.flatMap((e) => ("lab" in e ? [e.lab] : [])),
    ];
    return {
      done: new Set(counted.map((m) => keyOf(m.campaign))),
      failedAttempts,
      lastLab: Math.max(0, ...labs),
    };
  }

  readonly #path = (name: string): string => join(this.folder, name);

  /** A loss record without its measurement is of a run that a kill ended between the two: always the last line. */
  #cutOrphan(): void {
    const path = this.#path(lossesFile);
    const last = lastLosses(path);
    if (last === undefined || this.#measurements.some((m) => m.runId === last.runId && m.at === last.at))
      return;
    const bytes = readFileSync(path);
    truncateSync(path, bytes.lastIndexOf("\n", bytes.length - 2) + 1);
  }
}

/** Removes an incomplete last line of a killed command. */
function cutTornLine(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return;
  const end = readFileSync(path).lastIndexOf("\n") + 1;
  if (end < size) truncateSync(path, end);
}

/** The complete lines of a file. */
function readLines<T>(path: string, format: RecordFormat<T>, what: string): T[] {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  return readUserFile(path, what)
    .split("\n")
    .slice(0, -1)
    .flatMap((line, i) =>
      line === ""
        ? []
        : [
            parseRecord(line, format, {
              what: `${what} (${path}, line ${i + 1})`,
              remedy: "restore the file as it was committed",
            }),
          ],
    );
}

function stamped(m: Measurement, path: string, index: number): CampaignMeasurement {
  const { campaign } = m;
  if (campaign !== undefined) return { ...m, campaign };
  throw new MeshproofError("config-invalid", `${path}, measurement ${index + 1}, is of no campaign`, {
    remedy: "remove it: only `measure` may write this file",
  });
}

/** Two clones that measured at the same time, and were merged. */
function refuseTwice(measurements: readonly CampaignMeasurement[], path: string): void {
  const seen = new Set<string>();
  for (const { campaign } of measurements.filter(counts)) {
    const key = keyOf(campaign);
    if (seen.has(key))
      throw new MeshproofError("config-conflict", `${path} contains ${key} twice`, {
        remedy: "keep the measurements of one of the two commands that measured at the same time",
      });
    seen.add(key);
  }
}
