import { readdirSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { readUserFile } from "#harness/config/user-file.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import type { ChartAround, Charts } from "./charts.ts";
import { leftOut, notRebuilt, type Piece, type SourceFile } from "./part.ts";
import type { Reading } from "./reading.ts";
import { type AroundLayer, innerValues } from "./subchart-values.ts";
import { at, clusterIn } from "./values-at.ts";
import type { Layers, ReadLayers } from "./values-files.ts";

type Values = Record<string, unknown>;

/** The chart's own values.yaml, which Helm takes below all others. `path`: of the file that is being read. */
export function baseOf(around: ChartAround, path: string, layers: ReadLayers): Layers {
  const name = relative(dirname(path), join(around.dir, "values.yaml"));
  const found = layers([name]);
  const inner = innerValues(around, [{ place: name, values: found.values }]).values;
  // It may be of a cluster of its own.
  const isCluster = clusterIn(inner) !== undefined && Number(at(inner, "cluster.id") ?? 0) > 0;
  return { ...found, missing: [], files: isCluster ? [] : found.files };
}

/** A values file in the folder of a chart around Cilium's; undefined if it has no values of a dependency. */
export function aroundPieces(document: Values, { path, charts, layers, take }: Reading): Piece[] | undefined {
  const around = document.kind === undefined ? charts.aroundFile(path) : undefined;
  if (around === undefined) return undefined;
  const { table, dead } = around;
  if (!isMapping(document[table]) && !(dead !== undefined && isMapping(document[dead]))) return undefined;
  const isBase = basename(path) === "values.yaml" && relative(around.dir, path) === "values.yaml";
  const base = isBase ? undefined : baseOf(around, path, layers);
  take(base?.files ?? []);
  const below: AroundLayer[] =
    base === undefined ? [] : [{ place: join(around.dir, "values.yaml"), values: base.values }];
  const { values, notes } = innerValues(around, [...below, { place: path, values: document }]);
  const version = charts.version(around.dir);
  return [
    { cluster: clusterIn(values), values, objects: [], notes, ...(version === undefined ? {} : { version }) },
  ];
}

const policyKind = /^\s*kind:\s*["']?((?:Cilium(?:Clusterwide)?)?NetworkPolicy)\b/gm;

/** What of a chart around Cilium's is not read: its templates, which only Helm can render, and its other dependencies. */
export function chartNotes({ path, below }: SourceFile, charts: Charts): Note[] {
  const around =
    basename(path) === "Chart.yaml" && below !== undefined ? charts.around(dirname(path)) : undefined;
  if (around === undefined) return [];
  const folder = join(dirname(path), "templates");
  const names = namesIn(folder);
  const policies = names.flatMap((name) => {
    const kinds = [...readUserFile(join(folder, name), "a template").matchAll(policyKind)].map((m) => m[1]);
    return kinds.length === 0 ? [] : [`${join(folder, name)} (${[...new Set(kinds)].join(", ")})`];
  });
  return [
    ...(names.length === 0
      ? []
      : [leftOut(folder, `templates of Helm, which are not rendered: ${shortList(names, 8)}`)]),
    ...policies.map((which) =>
      notRebuilt(
        "policies in templates",
        which,
        "give what `helm template` prints, or `kubectl get cnp,ccnp,netpol -A -o yaml`",
      ),
    ),
    ...(around.others.length === 0
      ? []
      : [leftOut(path, `charts beside Cilium's, which are not read: ${shortList(around.others, 8)}`)]),
  ];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && /\.(ya?ml|tpl)$/.test(e.name))
      .map((e) => relative(folder, join(e.parentPath, e.name)))
      .toSorted();
  } catch {
    return [];
  }
}
