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

  get isEmpty(): boolean {
    return this.#refused.length === 0;
  }

  has(order: number): boolean {
    return this.#refused.some((r) => r.order === order);
  }

  /** Throws the only error, or one that names each in a line of its own, with its remedy if they have several. */
  throwAll(): void {
    const errors = this.#refused.toSorted((a, b) => a.order - b.order).map(({ error }) => error);
    const [first] = errors;
    if (first === undefined) return;
    const messageOf = (e: MeshproofError): string => e.message.replaceAll(/\s*\n\s*/g, " ");
    if (new Set(errors.map(messageOf)).size === 1) throw first;
    const [remedy, ...others] = new Set(errors.flatMap((e) => e.remedy ?? []));
    const lineOf = (e: MeshproofError): string =>
      others.length === 0 || e.remedy === undefined ? messageOf(e) : `${messageOf(e)}; ${e.remedy}`;
    const lines = [...new Set(errors.map(lineOf))].map((line) => `  - ${line}`);
    throw new MeshproofError(
      first.code,
      ["the files cannot be used as they are:", ...lines].join("\n"),
      remedy === undefined || others.length > 0 ? {} : { remedy },
    );
  }
}
