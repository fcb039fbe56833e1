import { basename, dirname } from "node:path";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import { endsIn, inRepository, isSamePath, namesOf } from "./file-names.ts";
import type { SourceFile } from "./part.ts";
import { at } from "./values-at.ts";

export const isChartName = (path: string): boolean => basename(path) === "Chart.yaml";

interface Chart {
  /** Its folder, without links, divided into names. */
  readonly folder: readonly string[];
  /** Of Cilium's chart: its own, or that of its dependency. */
  readonly version?: string;
  /** A copy of Cilium's chart, not a chart around it. */
  readonly isCopy: boolean;
}

/** The Helm charts among the files of the source: folders with a Chart.yaml. */
export class Charts {
  readonly #charts: readonly Chart[];

  constructor(files: readonly SourceFile[]) {
    this.#charts = files.filter(({ path }) => isChartName(path)).flatMap(chartOf);
  }

  /** The version of Cilium in the chart of a folder: as it is, or as the end of a path, as in a repository. */
  version(folder: string): string | undefined {
    const own = this.#charts.filter((c) => isSamePath(c.folder, namesOf(folder)));
    const end = inRepository(folder);
    const found = own.length > 0 ? own : this.#charts.filter((c) => endsIn(c.folder, end));
    const versions = new Set(found.map((c) => c.version));
    return versions.size === 1 ? [...versions][0] : undefined;
  }

  /** Whether a file holds the defaults of a copy of Cilium's chart, which are of no cluster. */
  isDefaults({ path, documents }: SourceFile): boolean {
    const folder = namesOf(dirname(path));
    if (
      basename(path) !== "values.yaml" ||
      !this.#charts.some((c) => c.isCopy && isSamePath(c.folder, folder))
    )
      return false;
    const [document] = documents;
    const name = isMapping(document?.value) ? at(document.value, "cluster.name") : undefined;
    return name === undefined || name === "default";
  }
}

function chartOf({ path, documents }: SourceFile): Chart[] {
  const [document] = documents;
  if (!isMapping(document?.value)) return [];
  const { name, version, dependencies } = document.value;
  const inner = mappingsIn(dependencies).find((d) => /^(rke2-)?cilium$/.test(String(d.name)));
  const isCopy = name === "cilium" && inner === undefined;
  const of = inner?.version ?? (isCopy ? version : undefined);
  return [
    {
      folder: namesOf(dirname(path)),
      ...(of === undefined ? {} : { version: String(of) }),
      isCopy,
    },
  ];
}
