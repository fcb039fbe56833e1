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
}
