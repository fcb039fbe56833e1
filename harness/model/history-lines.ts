import { MeshproofError } from "#harness/lib/errors.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History, Mark, Sample, SampleOutcome } from "./history.ts";
import { SampleColumns } from "./sample-columns.ts";

/** The first line of a history's file (`reports/README.md` documents the format). */
export type HistoryHead = Pick<
  History,
  "title" | "vantage" | "target" | "everyMs" | "timeoutMs" | "connection" | "startedAt" | "startedAtUnixMs"
>;

/** The last line. A file without one was cut off. */
export interface HistoryFoot {
  readonly marks: readonly Mark[];
  readonly cpuShare: number;
  readonly clockErrorMs: number;
}

const format = "meshproof-history/1";

export function headLine(head: HistoryHead): string {
  return JSON.stringify({ format, ...head });
}

/** `s` for a request, `c` for one of the control; late and took in milliseconds; empty ends are left out. */
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

/** Takes a file's lines one by one; samples may come in any order. */
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
    let told: unknown;
    try {
      told = JSON.parse(text);
    } catch (error) {
      throw this.#malformed("is not JSON", error);
    }
    if (Array.isArray(told)) {
      const [kind, seq, dueMs, lateMs, tookMs, outcome, servedBy, cluster, detail] = told as [
        string,
        number,
        number,
        number,
        number,
        SampleOutcome,
        string?,
        string?,
        string?,
      ];
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
    } else if (this.#lines === 1) {
      const { format: found, ...head } = told as HistoryHead & { format?: string };
      if (found !== format) throw this.#malformed(`is of format ${found ?? "none"}, not ${format}`);
      this.#head = head;
    } else this.#foot = told as HistoryFoot;
  }

  /** `evidence-malformed` where the head or the foot is missing: the prober or the harness was killed. */
  history(): History {
    if (this.#head === undefined || this.#foot === undefined)
      throw this.#malformed(`has no ${this.#head === undefined ? "first" : "last"} line`);
    return { ...this.#head, ...this.#foot, samples: this.#samples, control: this.#control };
  }

  /** What came before the file was cut off; nothing without its first line. */
  soFar(): Pick<History, "vantage" | "samples" | "control"> | undefined {
    if (this.#head === undefined) return undefined;
    return { vantage: this.#head.vantage, samples: this.#samples, control: this.#control };
  }

  #malformed(what: string, cause?: unknown): MeshproofError {
    return new MeshproofError(
      "evidence-malformed",
      `history ${this.#name}${this.#lines > 1 ? `, line ${this.#lines},` : ""} ${what}`,
      { cause },
    );
  }
}
