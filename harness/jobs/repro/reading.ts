import type { Note } from "#harness/model/source-environment.ts";
import type { Charts } from "./charts.ts";
import type { SourceFile } from "./part.ts";
import type { ReadLayers, ValuesFiles } from "./values-files.ts";

/** What else is in the source. */
export interface Around {
  readonly others: ValuesFiles;
  readonly charts: Charts;
}

/** What a file may name: values files, and charts. */
export interface Named {
  readonly charts: Charts;
  readonly layers: ReadLayers;
}

/** A file that is being read. */
export interface Reading extends Named {
  readonly path: string;
  readonly take: (files: readonly SourceFile[]) => void;
  /** What is known of one of its objects beside what it holds. */
  readonly notesOf: (object: unknown) => readonly Note[];
}
