import { hundredths } from "#harness/lib/stats.ts";
import { type Sample, type Samples, sampleOutcomes } from "./history.ts";

const absent = 255;

/** A column's value; throws a RangeError where the column has not grown that far. */
function at<T>(column: ArrayLike<T>, i: number): T {
  const value = column[i];
  if (value === undefined) throw new RangeError(`there is no index ${i} in a column of ${column.length}`);
  return value;
}

/** Samples by sequence number in typed arrays: 21 bytes each, a tenth of an object's size. */
export class SampleColumns implements Samples {
  #due = new Float64Array(1024);
  #late = new Float32Array(1024);
  #took = new Float32Array(1024);
  #outcome = new Uint8Array(1024).fill(absent);
  #texts = new Uint16Array(2048);
  #clusterOf: (string | undefined)[] = [undefined];
  readonly #names: string[] = [""];
  readonly #indexOf = new Map<string, number>([["", 0]]);
  #end = 0;
  #count = 0;

  get length(): number {
    return this.#count;
  }

  add(sample: Sample): void {
    const i = sample.seq;
    if (i >= this.#due.length) this.#grow(i + 1);
    if (this.#outcome[i] === absent) this.#count += 1;
    this.#due[i] = sample.dueMs;
    this.#late[i] = sample.sentMs - sample.dueMs;
    this.#took[i] = sample.endMs - sample.sentMs;
    this.#outcome[i] = sampleOutcomes.indexOf(sample.outcome);
    const pod = this.#intern(sample.servedBy);
    this.#texts[2 * i] = pod;
    this.#texts[2 * i + 1] = this.#intern(sample.detail);
    this.#clusterOf[pod] = sample.cluster;
    this.#end = Math.max(this.#end, i + 1);
  }

  [Symbol.iterator](): Iterator<Sample> {
    return this.#from(0);
  }

  /** The samples sent from a time on. */
  sentSince(sentMs: number): Iterable<Sample> {
    const first = this.#firstSince(sentMs);
    return { [Symbol.iterator]: () => this.#from(first) };
  }

  /** The same after the last good one before that time, and what followed it. */
  since(sentMs: number): Iterable<Sample> {
    const good = sampleOutcomes.indexOf("ok");
    let first = this.#firstSince(sentMs);
    if (first > 0) first -= 1;
    while (first > 0 && this.#outcome[first] !== good) first -= 1;
    return { [Symbol.iterator]: () => this.#from(first) };
  }

  #firstSince(sentMs: number): number {
    let first = this.#end;
    while (first > 0 && !this.#isBefore(first - 1, sentMs)) first -= 1;
    return first;
  }

  #isBefore(i: number, sentMs: number): boolean {
    return this.#outcome[i] !== absent && at(this.#due, i) + at(this.#late, i) < sentMs;
  }

  *#from(first: number): Iterator<Sample> {
    for (let i = first; i < this.#end; i++) {
      if (this.#outcome[i] === absent) continue;
      const dueMs = at(this.#due, i);
      const sentMs = hundredths(dueMs + at(this.#late, i));
      const pod = at(this.#texts, 2 * i);
      const servedBy = this.#names[pod] ?? "";
      const detail = this.#names[at(this.#texts, 2 * i + 1)] ?? "";
      const outcome = at(sampleOutcomes, at(this.#outcome, i));
      const cluster = outcome === "ok" ? this.#clusterOf[pod] : undefined;
      yield {
        seq: i,
        dueMs,
        sentMs,
        endMs: hundredths(sentMs + at(this.#took, i)),
        outcome,
        ...(servedBy === "" ? {} : { servedBy }),
        ...(cluster === undefined ? {} : { cluster }),
        ...(detail === "" ? {} : { detail }),
      };
    }
  }

  /** Pods and messages are few; if an index could not hold them all, the others would have no name. */
  #intern(text: string | undefined): number {
    if (text === undefined) return 0;
    const known = this.#indexOf.get(text);
    if (known !== undefined) return known;
    if (this.#names.length > 65_000) return 0;
    this.#names.push(text);
    this.#indexOf.set(text, this.#names.length - 1);
    return this.#names.length - 1;
  }

  #grow(atLeast: number): void {
    const size = Math.max(atLeast, Math.ceil(this.#due.length * 1.5));
    const due = new Float64Array(size);
    due.set(this.#due);
    const late = new Float32Array(size);
    late.set(this.#late);
    const took = new Float32Array(size);
    took.set(this.#took);
    const outcome = new Uint8Array(size).fill(absent);
    outcome.set(this.#outcome);
    const texts = new Uint16Array(2 * size);
    texts.set(this.#texts);
    [this.#due, this.#late, this.#took, this.#outcome, this.#texts] = [due, late, took, outcome, texts];
  }
}
