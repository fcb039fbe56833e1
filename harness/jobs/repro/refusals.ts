import { MeshproofError } from "#harness/lib/errors.ts";

/** What cannot be used of several files: all of it is named at once, so that nobody corrects one after the other. */
export class Refusals {
  readonly #refused: { readonly order: number; readonly error: MeshproofError }[] = [];

  /** Takes up an error about a file; `order`: its place among the files. Throws every other error. */
  add(error: unknown, order = 0): void {
    if (!(error instanceof MeshproofError)) throw error;
    this.#refused.push({ order, error });
  }

  /** Does a part of the work; undefined if it is refused. */
  attempt<T>(work: () => T, order?: number): T | undefined {
    try {
      return work();
    } catch (error) {
      this.add(error, order);
      return undefined;
    }
  }

  has(order: number): boolean {
    return this.#refused.some((r) => r.order === order);
  }

  /** Throws the only error, or one that names each in a line of its own. */
  throwAll(): void {
    const errors = this.#refused.toSorted((a, b) => a.order - b.order).map(({ error }) => error);
    const [first] = errors;
    if (first === undefined) return;
    const lines = [...new Set(errors.map((e) => e.message.replaceAll(/\s*\n\s*/g, " ")))];
    if (lines.length === 1) throw first;
    const remedies = [...new Set(errors.flatMap((e) => e.remedy ?? []))];
    throw new MeshproofError(
      first.code,
      ["the files cannot be used as they are:", ...lines.map((line) => `  - ${line}`)].join("\n"),
      remedies.length === 0 ? {} : { remedy: remedies.join("; ") },
    );
  }
}
