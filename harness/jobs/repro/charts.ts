import { basename, dirname } from "node:path";
import { present } from "#harness/lib/present.ts";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import { endsIn, inRepository, isSamePath, namesOf } from "./file-names.ts";
import type { SourceFile } from "./part.ts";
import { at } from "./values-at.ts";

export const isChartName = (path: string): boolean => basename(path) === "Chart.yaml";

/** Charts of Helm 2 have their dependencies in a file of their own. */
const isChartFile = ({ path, documents }: SourceFile): boolean =>
  isChartName(path) ||
  (basename(path) === "requirements.yaml" &&
    isMapping(documents[0]?.value) &&
    Array.isArray(documents[0].value.dependencies));

/** A chart that has Cilium's as a dependency. */
export interface ChartAround {
  /** As it was given. */
  readonly dir: string;
  /** The key below which values of Cilium's chart stand. */
  readonly table: string;
  /** The dependency's name, if values below it are read by nothing, because it has an alias. */
  readonly dead?: string;
  /** A value that turns the dependency on: a path of the chart around, which Cilium's does not have. */
  readonly condition?: string;
  /** Names of its other dependencies. */
  readonly others: readonly string[];
}

type Mapping = Readonly<Record<string, unknown>>;

interface Chart {
  /** Its folder, without links, divided into names. */
  readonly folder: readonly string[];
  readonly around?: ChartAround;
  /** Of Cilium's chart: its own, or that of its dependency. */
  readonly version?: string;
  /** A copy of Cilium's chart, not a chart around it. */
  readonly isCopy: boolean;
}

/** The Helm charts among the files of the source: folders with a Chart.yaml. */
export class Charts {
  readonly #charts: readonly Chart[];

  constructor(files: readonly SourceFile[]) {
    this.#charts = files.filter(isChartFile).flatMap(chartOf);
  }

  /** Whether a file says what a chart is: its version is read where its values are. */
  isOfChart(file: SourceFile): boolean {
    return isChartFile(file);
  }

  /** The chart around Cilium's in a folder: as it is, or as the end of a path, as in a repository. */
  around(folder: string): ChartAround | undefined {
    const found = this.#in(folder).flatMap((c) => c.around ?? []);
    const [first] = found;
    return found.every((f) => f.table === first?.table && f.dead === first?.dead) ? first : undefined;
  }

  /** The chart around Cilium's in whose folder, or below it, a file is. */
  aroundFile(path: string): ChartAround | undefined {
    const names = namesOf(path);
    return this.#charts
      .filter((c) => c.around !== undefined && c.folder.every((name, i) => name === names[i]))
      .toSorted((a, b) => b.folder.length - a.folder.length)[0]?.around;
  }

  /** The version of Cilium in the chart of a folder: as it is, or as the end of a path, as in a repository. */
  version(folder: string): string | undefined {
    const versions = new Set(this.#in(folder).flatMap((c) => c.version ?? []));
    return versions.size === 1 ? [...versions][0] : undefined;
  }

  #in(folder: string): readonly Chart[] {
    const own = this.#charts.filter((c) => isSamePath(c.folder, namesOf(folder)));
    const end = inRepository(folder);
    return own.length > 0 ? own : this.#charts.filter((c) => endsIn(c.folder, end));
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

function aroundOf(inner: Mapping, all: readonly Mapping[], dir: string): ChartAround {
  const tableOf = (d: Mapping): string => String(d.alias ?? d.name);
  const [name, table] = [String(inner.name), tableOf(inner)];
  const isDead = !all.some((d) => tableOf(d) === name);
  // Several conditions may be given; the first that is set decides.
  const [condition = ""] = String(inner.condition ?? "").split(",");
  return {
    dir,
    table,
    others: all.filter((d) => d !== inner).map((d) => String(d.name)),
    ...(isDead ? { dead: name } : {}),
    ...(condition === "" ? {} : { condition }),
  };
}

function chartOf({ path, documents }: SourceFile): Chart[] {
  const [document] = documents;
  if (!isMapping(document?.value)) return [];
  const { name, version, dependencies } = document.value;
  const all = mappingsIn(dependencies);
  const inner = all.find((d) => /^(rke2-)?cilium$/.test(String(d.name)));
  const isCopy = name === "cilium" && inner === undefined;
  const of = inner?.version ?? (isCopy ? version : undefined);
  return [
    {
      folder: namesOf(dirname(path)),
      ...present({ around: inner === undefined ? undefined : aroundOf(inner, all, dirname(path)) }),
      ...(of === undefined ? {} : { version: String(of) }),
      isCopy,
    },
  ];
}
