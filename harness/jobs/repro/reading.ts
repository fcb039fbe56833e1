import type { Charts } from "./charts.ts";
import type { SourceFile } from "./part.ts";
import type { ReadLayers, ValuesFiles } from "./values-files.ts";

/** What else is in the source. */
export interface Around {
  readonly others: ValuesFiles;
  readonly charts: Charts;
}

/** A file that is being read. */
export interface Reading {
  readonly path: string;
  readonly charts: Charts;
  readonly layers: ReadLayers;
  readonly take: (files: readonly SourceFile[]) => void;
}
