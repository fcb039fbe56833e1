import { dirname, join } from "node:path";
import type { YamlDocument } from "#harness/config/yaml-objects.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping, mappingsIn, textsIn } from "#harness/lib/value-at.ts";
import { realOf } from "../file-names.ts";
import { notApplied, type SourceFile } from "../part.ts";
import { isList } from "../text-forms.ts";
import { nameOf } from "../unwrap.ts";
import { changedMap, generatedData, generatedMap } from "./generated-maps.ts";
import {
  Build,
  isKustomization,
  isRemote,
  kustomizationIn,
  type Resource,
  replacesValuesFile,
  withValuesFiles,
} from "./kustomization.ts";
import { jsonPatch, namesShown, type Patched, strategicMerge, whatOf } from "./patches.ts";
import { replacedBy } from "./replaced.ts";
import { isSameObject, selected } from "./selected.ts";
import { transformed } from "./transformed.ts";

type Values = Record<string, unknown>;

/**
 * The files of the source with every kustomization built: its resources, generators and patches become the objects that
 * kustomize would make of them. What is not certain is not done, and noted; charts are not rendered. A kustomization that
 * another one uses is built as a part of that one.
 */
export function kustomized(files: readonly SourceFile[]): SourceFile[] {
  const found = files.flatMap((file): Kustomization[] => {
    const [document, ...more] = file.documents;
    return document !== undefined && more.length === 0 && isKustomization(document.value, file.path)
      ? [{ file, document: document.value }]
      : [];
  });
  if (found.length === 0) return [...files];
  const open = [...new Set(found.flatMap(({ file }) => file.below ?? []))];
  const used = new Set(found.flatMap(usedBy));
  const builds = new Map<SourceFile, ReturnType<typeof buildOf>>();
  const read = new Set<string>();
  const whole = found.filter(({ document }) => document.kind !== "Component");
  const isUsed = ({ file }: Kustomization): boolean => used.has(realOf(file.path));
  // Those that only use one another, in a circle, are built too, which names the circle.
  for (const k of [...whole.filter((w) => !isUsed(w)), ...whole.filter(isUsed)]) {
    if (read.has(realOf(k.file.path))) continue;
    const build = buildOf(k, open);
    builds.set(k.file, build);
    for (const path of build.read) read.add(path);
  }
  const unused = new Set(found.filter(({ document }) => document.kind === "Component").map((k) => k.file));
  return files.flatMap((file): SourceFile[] => {
    const build = builds.get(file);
    if (build !== undefined) return build.files;
    if (unused.has(file) && !read.has(realOf(file.path)))
      return [
        { ...file, documents: [], notes: [notApplied(file.path, "a Component", "no kustomization uses it")] },
      ];
    return read.has(realOf(file.path)) ? [] : [file];
  });
}

interface Kustomization {
  readonly file: SourceFile;
  readonly document: Values;
}

const resourcesOf = (k: Values): string[] => [...textsIn(k.resources), ...textsIn(k.bases)];

/** Real paths of the kustomizations that one uses directly. */
function usedBy({ file, document }: Kustomization): string[] {
  return [...resourcesOf(document), ...textsIn(document.components)].flatMap((named) => {
    if (isRemote(named)) return [];
    const inside = kustomizationIn(join(dirname(file.path), named));
    return inside === undefined ? [] : [realOf(inside.path)];
  });
}

function buildOf(
  { file, document }: Kustomization,
  open: readonly string[],
): { readonly files: SourceFile[]; readonly read: ReadonlySet<string> } {
  const build = new Build(file.path, open);
  const resources = accumulate({ path: file.path, document, unit: [file.path] }, build, []);
  const { text: _, ...rest } = file;
  const own: SourceFile = { ...rest, documents: [] };
  const groups = Map.groupBy(resources, (r) => JSON.stringify([r.path, r.unit]));
  const made = [...groups.values()].flatMap((of): SourceFile[] => {
    const [first] = of;
    return first === undefined
      ? []
      : [{ ...own, path: first.path, unit: first.unit, documents: of, notes: [] }];
  });
  const byUnit = Map.groupBy(build.notes, (n) => JSON.stringify(n.unit));
  const noted = [...byUnit.values()].map(
    (of): SourceFile => ({
      ...own,
      unit: of[0]?.unit ?? [],
      notes: of.map((n) => n.note),
    }),
  );
  return { files: [{ ...own, unit: [file.path] }, ...noted, ...made], read: build.read };
}

interface Level {
  readonly path: string;
  readonly document: Values;
  /** The kustomizations that use this one, from the one that is built, and itself. */
  readonly unit: readonly string[];
}

/** Keys that are done, or that change nothing of a mesh. */
const known = new Set([
  ...["apiVersion", "kind", "metadata", "resources", "bases", "components", "helmCharts", "helmGlobals"],
  ...["configMapGenerator", "secretGenerator", "generatorOptions", "patches", "patchesStrategicMerge"],
  ...["patchesJson6902", "namespace", "commonAnnotations", "images", "replacements"],
  ...["sortOptions", "buildMetadata", "crds", "openapi", "validators", "inventory"],
  // Which fields names and the like are in, such as `valuesFrom`, where names have no hash here.
  "configurations",
]);

/** Keys that name files of kustomize's own, which hold no object of a cluster. */
const ownFiles = ["configurations", "crds", "generators", "transformers", "validators"] as const;

const accumulate = (level: Level, build: Build, standing: readonly Resource[]): Resource[] =>
  build.inside(level.unit, () => accumulated(level, build, standing));

/** In the order of kustomize: resources, generators, components, transformers. */
function accumulated(level: Level, build: Build, standing: readonly Resource[]): Resource[] {
  const { path, document } = level;
  build.take(path);
  for (const named of ownFiles.flatMap((key) => textsIn(document[key])))
    if (build.find(path, named)?.isFolder === false) build.take(join(dirname(path), named));
  let resources = [
    ...standing,
    ...resourcesOf(document).flatMap((named, i) => added(named, { i, level }, build)),
  ];
  resources = generated(resources, level, build);
  for (const [i, named] of textsIn(document.components).entries()) {
    const inside = localKustomization(named, `components[${i}]`, { level, build });
    if (inside !== undefined) resources = accumulate(inside, build, resources);
  }
  for (const patch of patchesOf(document)) resources = patched(resources, patch, { level, build });
  resources = transformed(resources, document);
  for (const [i, item] of mappingsIn(document.replacements).entries()) {
    const changed = replacedBy(item, resources);
    if (typeof changed === "string") build.leaveOut(`replacements[${i}] of ${path}`, copyOf(item), changed);
    else resources = resources.map((r) => ({ ...r, value: changed.get(r) ?? r.value }));
  }
  for (const key of Object.keys(document).filter((k) => !known.has(k)))
    build.leaveOut(`${key} of ${path}`, summaryOf(document[key]), "it is not applied");
  return resources;
}

/** What a replacement copies: `ConfigMap vars data.id to spec.values.cluster.id`. */
function copyOf({ source, targets }: Values): string {
  const { kind = "", name = "", fieldPath = "metadata.name" } = isMapping(source) ? source : {};
  const to = mappingsIn(targets).flatMap((t) => textsIn(t.fieldPaths));
  return summaryOf(`${`${kind} ${name} ${fieldPath}`.trim()} to ${shortList(to, namesShown)}`);
}

/** A part of a kustomization in one line. */
function summaryOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

/** What one entry of `resources` holds. */
function added(
  named: string,
  { i, level }: { readonly i: number; readonly level: Level },
  build: Build,
): Resource[] {
  const { path, unit } = level;
  const place = `resources[${i}]`;
  if (isRemote(named) || build.find(path, named)?.isFolder === true) {
    const inside = localKustomization(named, place, { level, build });
    return inside === undefined ? [] : accumulate(inside, build, []);
  }
  const file = join(dirname(path), named);
  return build
    .documents(path, named, `${place} of ${path}`)
    .flatMap((d) => resourcesIn(d, { path: file, unit }));
}

function localKustomization(
  named: string,
  place: string,
  { level: { path, unit }, build }: { readonly level: Level; readonly build: Build },
): Level | undefined {
  const inside = isRemote(named) ? undefined : kustomizationIn(join(dirname(path), named));
  if (inside === undefined) {
    build.leaveOut(
      `${place} of ${path}`,
      named,
      isRemote(named) ? "it is not local" : "there is no kustomization that can be read",
    );
    return undefined;
  }
  const why = unit.includes(inside.path) ? "it uses itself" : build.limit;
  if (why !== undefined) {
    build.leaveOut(`${place} of ${path}`, named, why);
    return undefined;
  }
  return { ...inside, unit: [...unit, inside.path] };
}

/** The objects of a document, which may be a list of them. */
function resourcesIn({ value, repeatedKeys }: YamlDocument, of: Pick<Resource, "path" | "unit">): Resource[] {
  if (!isMapping(value)) return [];
  if (isList(value)) return mappingsIn(value.items).map((item) => ({ ...of, value: item, repeatedKeys }));
  return [{ ...of, value, repeatedKeys }];
}

/** With the ConfigMaps and Secrets of generators, and the charts, whose values are read from local files. */
function generated(standing: readonly Resource[], { path, document, unit }: Level, build: Build): Resource[] {
  let resources = [...standing];
  for (const kind of ["ConfigMap", "Secret"] as const) {
    const key = kind === "ConfigMap" ? "configMapGenerator" : "secretGenerator";
    for (const [i, item] of mappingsIn(document[key]).entries()) {
      const place = `${key}[${i}] of ${path}`;
      const data = generatedData(item, (named) => {
        const text = build.text(path, named, place);
        if (text !== undefined) build.take(join(dirname(path), named));
        return text;
      });
      const value = generatedMap(kind, item, data);
      const { behavior } = item;
      const old = resources.find((r) => isSameObject(value, r.value));
      if (behavior !== "merge" && behavior !== "replace")
        resources.push({ path, unit, value, repeatedKeys: [] });
      else if (old === undefined)
        build.leaveOut(place, nameOf(value), `behavior ${behavior}, and no such object is in its resources`);
      else
        resources = resources.map((r) =>
          r === old ? { ...r, value: changedMap(r.value, value, behavior) } : r,
        );
    }
  }
  const charts = mappingsIn(document.helmCharts).map((chart, i) => {
    const place = `helmCharts[${i}] of ${path}`;
    if (replacesValuesFile(chart))
      build.leaveUnused(path, String(chart.valuesFile), {
        place: `valuesFile of ${place}`,
        what: "is not used, because valuesMerge is replace: kustomize takes valuesInline alone, so what only the file says (such as cluster.name and cluster.id) is the chart's default; write it in valuesInline, or set valuesMerge to override or merge",
      });
    return withValuesFiles(chart, (named) => {
      const [first] = build.documents(path, named, place);
      return isMapping(first?.value) ? first.value : undefined;
    });
  });
  const { apiVersion = "kustomize.config.k8s.io/v1beta1", metadata } = document;
  const value = { apiVersion, kind: "Kustomization", ...(metadata === undefined ? {} : { metadata }) };
  return charts.length === 0
    ? resources
    : [...resources, { path, unit, value: { ...value, helmCharts: charts }, repeatedKeys: [] }];
}

interface Patch {
  readonly place: string;
  readonly target: Values | undefined;
  /** A file of the kustomization's folder, or the text itself. */
  readonly file?: string;
  readonly text?: string;
}

function patchesOf(document: Values): Patch[] {
  const ofList = (key: "patches" | "patchesJson6902"): Patch[] =>
    mappingsIn(document[key]).map((p, i) => ({
      place: `${key}[${i}]`,
      target: isMapping(p.target) ? p.target : undefined,
      ...(typeof p.path === "string" ? { file: p.path } : {}),
      ...(typeof p.patch === "string" ? { text: p.patch } : {}),
    }));
  const merges = textsIn(document.patchesStrategicMerge).map((entry, i): Patch => {
    const place = `patchesStrategicMerge[${i}]`;
    return /\n|:\s/.test(entry)
      ? { place, target: undefined, text: entry }
      : { place, target: undefined, file: entry };
  });
  return [...merges, ...ofList("patches"), ...ofList("patchesJson6902")];
}

/** The objects after one patch; where it is not applied, as they were. */
function patched(
  resources: readonly Resource[],
  patch: Patch,
  { level: { path }, build }: { readonly level: Level; readonly build: Build },
): Resource[] {
  const place = `${patch.place} of ${path}`;
  const documents =
    patch.file === undefined
      ? build.inline(patch.text ?? "", place)
      : build.documents(path, patch.file, place);
  let current = [...resources];
  for (const { value } of documents) {
    if (!isMapping(value) && !Array.isArray(value)) continue;
    const targets =
      patch.target !== undefined
        ? selected(patch.target, current)
        : isMapping(value)
          ? current.filter((r) => isSameObject(value, r.value))
          : "it has no target";
    const what = whatOf(value, patch.target);
    if (typeof targets === "string" || targets.length === 0) {
      build.leaveOut(place, what, typeof targets === "string" ? targets : absent(resources));
      continue;
    }
    current = current.flatMap((r): Resource[] => {
      if (!targets.includes(r)) return [r];
      const done: Patched = isMapping(value) ? strategicMerge(r.value, value) : jsonPatch(r.value, value);
      if ("why" in done) build.leaveOut(place, what, done.why);
      return "why" in done ? [r] : done.object === undefined ? [] : [{ ...r, value: done.object }];
    });
  }
  return current;
}

const absent = (resources: readonly Resource[]): string =>
  resources.some((r) => r.value.helmCharts !== undefined)
    ? "no such object is in its resources, and charts are not rendered (--enable-helm)"
    : "no such object is in its resources";
