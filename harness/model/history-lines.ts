import { z } from "zod";
import { MeshproofError } from "#harness/lib/errors.ts";
import { checkRecord, type RecordSource } from "#harness/lib/records.ts";
import { hundredths } from "#harness/lib/stats.ts";
import {
  type History,
  type HistoryFoot,
  type HistoryHead,
  historyFootSchema,
  historyHeadSchema,
  isSampleOutcome,
  type Sample,
} from "./history.ts";
import { SampleColumns } from "./sample-columns.ts";

const formatName = "meshproof-history/";
const format = `${formatName}1` as const;

const headFormat = {
  schema: historyHeadSchema.extend({ format: z.literal(format) }),
  version: { key: "format", current: 1 },
};
const footFormat = { schema: historyFootSchema };

/** Five days at a thousand samples per second: larger sequence numbers are invalid. */
const mostSamples = 500_000_000;

const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isTextOrNone = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === "string";

export function headLine(head: HistoryHead): string {
  return JSON.stringify({ format, ...head });
}

/** `s` for a request, `c` for a control request; lateness and duration in milliseconds; trailing empty columns omitted. */
export function sampleLine(kind: "s" | "c", s: Sample): string {
  const row: (string | number)[] = [
    kind,
    s.seq,
    s.dueMs,
    hundredths(s.sentMs - s.dueMs),
    hundredths(s.endMs - s.sentMs),
    s.outcome,
    s.servedBy ?? "",
    s.cluster ?? "",
    s.detail ?? "",
  ];
  while (row.at(-1) === "") row.pop();
  return JSON.stringify(row);
}

export function footLine(foot: HistoryFoot): string {
  return JSON.stringify(foot);
}

/** Reads a file line by line; samples may be in any order. */
export class HistoryReader {
  readonly #name: string;
  readonly #samples = new SampleColumns();
  readonly #control = new SampleColumns();
  #head: HistoryHead | undefined;
  #foot: HistoryFoot | undefined;
  #lines = 0;

  constructor(name: string) {
    this.#name = name;
  }

  line(text: string): void {
    if (text === "") return;
    this.#lines += 1;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw this.#malformed("is not JSON", error);
    }
    if (Array.isArray(value)) this.#sample(value);
    else if (this.#lines === 1) this.#head = this.#readHead(value);
    else this.#foot = checkRecord(value, footFormat, this.#source);
  }

  /** Not with zod, which takes ten times as long: a history has up to a million samples. */
  #sample(row: readonly unknown[]): void {
    const [kind, seq, dueMs, lateMs, tookMs, outcome, servedBy, cluster, detail] = row;
    if (kind !== "s" && kind !== "c") throw this.#malformed("is neither a sample nor a control sample");
    if (!isNumber(seq) || !Number.isInteger(seq) || seq < 0 || seq > mostSamples)
      throw this.#malformed("has no sequence number");
    if (!isNumber(dueMs) || !isNumber(lateMs) || !isNumber(tookMs))
      throw this.#malformed("lacks one of its three times");
    if (!isSampleOutcome(outcome)) throw this.#malformed(`has outcome ${JSON.stringify(outcome)}`);
    if (!isTextOrNone(servedBy) || !isTextOrNone(cluster) || !isTextOrNone(detail))
      throw this.#malformed("has a value after its outcome that is not text");
    (kind === "c" ? this.#control : this.#samples).add({
      seq,
      dueMs,
      sentMs: dueMs + lateMs,
      endMs: dueMs + lateMs + tookMs,
      outcome,
      ...(servedBy === undefined ? {} : { servedBy }),
      ...(cluster === undefined || cluster === "" ? {} : { cluster }),
      ...(detail === undefined ? {} : { detail }),
    });
  }

  #readHead(value: unknown): HistoryHead {
    const { format: found } = (value ?? {}) as { readonly format?: unknown };
    if (typeof found !== "string" || !found.startsWith(formatName))
      throw this.#malformed(`is of format ${String(found ?? "none").slice(0, 40)}, not ${format}`);
    const { format: _, ...head } = checkRecord(value, headFormat, this.#source);
    return head;
  }

  /** Throws `evidence-malformed` if the head or the foot is missing because the prober or the harness was killed. */
  history(): History {
    if (this.#head === undefined || this.#foot === undefined)
      throw this.#malformed(`has no ${this.#head === undefined ? "first" : "last"} line`);
    return { ...this.#head, ...this.#foot, samples: this.#samples, control: this.#control };
  }

  /** The samples of a truncated file; undefined without its first line. */
  soFar(): Pick<History, "vantage" | "samples" | "control"> | undefined {
    if (this.#head === undefined) return undefined;
    return { vantage: this.#head.vantage, samples: this.#samples, control: this.#control };
  }

  get #source(): RecordSource {
    return {
      what: `history ${this.#name}${this.#lines > 1 ? `, line ${this.#lines},` : ""}`,
      remedy: "measure again: the run was interrupted, or the file was changed",
      code: "evidence-malformed",
    };
  }

  #malformed(why: string, cause?: unknown): MeshproofError {
    return new MeshproofError("evidence-malformed", `${this.#source.what} ${why}`, { cause });
  }
}
