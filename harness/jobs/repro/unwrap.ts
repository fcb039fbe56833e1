import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { isChartKey, isChartWord, isKnownValue } from "#harness/semantics/chart-values.ts";
import type { ChartAround, Charts } from "./charts.ts";
import { mergeSet, setPairs, variablePairs, withLists } from "./commands/set-values.ts";
import type { SourceFile } from "./part.ts";
import type { Named } from "./reading.ts";
import { innerValues } from "./subchart-values.ts";
import { readTemplate } from "./templates.ts";
import type { Layers, ReadLayers } from "./values-files.ts";
import { rke2Defaults, type ValuesKind, valuesKinds, type WrappedAt } from "./wrapped-values.ts";

type Values = Record<string, unknown>;

/** Values of Cilium's chart that a document holds. */
interface Unwrapped {
  readonly values: Values;
  /** Of the chart, as the document writes it. */
  readonly version?: string;
  /** Of the chart, in a repository. */
  readonly folder?: string;
  /** Values of the chart, which are not those of Cilium's own, below these. */
  readonly defaults?: Values;
  /** What to give in place of an object that is for several clusters. */
  readonly ofEach?: string;
  /** Of values that a chart around Cilium's does not give to it. */
  readonly notes: readonly Note[];
  /** `HelmRelease kube-system/cilium`, for messages. */
  readonly of: string;
  /** Values files of the source that are a part of these values. */
  readonly files: readonly SourceFile[];
  /** Places of the document that refer to other values, with what they name. */
  readonly elsewhere: readonly string[];
  /** Places that change what the chart makes of its values. */
  readonly changes: readonly string[];
  /** Places whose values the program does not use, with the place that it takes instead. */
  readonly unused: readonly { readonly path: string; readonly instead: string }[];
}

/** The API group, without its version; empty for the core group. */
export const groupOf = (apiVersion: unknown): string => {
  const text = typeof apiVersion === "string" ? apiVersion : "";
  return text.includes("/") ? text.slice(0, text.indexOf("/")) : "";
};

const isOf =
  (document: Values) =>
  (k: ValuesKind): boolean =>
    k.shape === undefined && k.kind === document.kind && k.group === groupOf(document.apiVersion);

/** Whether the table has the kind of an object, so that values elsewhere in it are of another chart. */
export const isTableKind = (document: Values): boolean => valuesKinds.some(isOf(document));

/**
 * The values within one object or file, if it is of a kind that keeps values; one entry for each release.
 */
export function unwrapped(document: Values, place: string, named: Named): Unwrapped[] {
  const entry = valuesKinds.find((k) =>
    k.shape === undefined
      ? isOf(document)(k)
      : document.kind === undefined && document[k.shape] !== undefined && !looksLikeValues(document),
  );
  if (entry === undefined) return [];
  const found = releasesOf(document, entry).flatMap(({ root, path }) =>
    releaseOf(root, entry, { path, document, place, ...named }),
  );
  // Each of several sources has the same folders beside it: one line is enough.
  return found.map(({ beside, ...release }, i) => ({
    ...release,
    elsewhere: i === 0 ? [...release.elsewhere, ...beside] : release.elsewhere,
  }));
}

/** The list that holds the releases, if the kind has one. */
const listOf = ({ values }: ValuesKind): string | undefined =>
  values.map((v) => v.path.split("[]")).find((parts) => parts.length > 1)?.[0];

/** One for each item of the list that holds the releases, if the kind has one. */
function releasesOf(document: Values, entry: ValuesKind): { root: Values; path: string }[] {
  const { values } = entry;
  const list = listOf(entry);
  if (list === undefined) return [{ root: document, path: "" }];
  const items = at(document, list);
  const several = (Array.isArray(items) ? items : []).map((item, i) => ({
    root: put(list, [item]),
    path: `${list}[${i}]`,
  }));
  // An Argo CD Application has one source or several.
  return values.some((v) => !v.path.startsWith(list)) ? [{ root: document, path: "" }, ...several] : several;
}

const put = (path: string, value: unknown): Values =>
  path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values;

/** `beside`: folders of other objects that the document installs too. */
type Found = Unwrapped & { readonly beside: readonly string[] };

interface Release {
  readonly path: string;
  readonly document: Values;
  readonly place: string;
  readonly layers: ReadLayers;
  readonly charts: Charts;
}

function releaseOf(root: Values, entry: ValuesKind, release: Release): Found[] {
  const { path, document, place, charts } = release;
  // The whole document is the first root; its releases are read item by item.
  const list = path === "" ? listOf(entry) : undefined;
  const own = <T extends string>(paths: readonly T[]): T[] =>
    paths.filter((p) => list === undefined || !p.startsWith(`${list}[]`));
  const first = (paths: readonly string[] = []): unknown =>
    own(paths)
      .flatMap((p) => every(root, p))
      .find((v) => v !== undefined);
  const chart = first(entry.chart);
  if (typeof chart === "string" && !/cilium/i.test(chart)) return [];
  const places = entry.values.filter((v) => own([v.path]).length > 0);
  const found = places.flatMap((v) => every(root, v.path).map((value) => ({ ...v, value })));
  const isSet = (value: unknown): boolean => value !== undefined && value !== null;
  const set = found.filter((f) => isSet(f.value));
  const isUsed = ({ unless }: WrappedAt): boolean => unless === undefined || !every(root, unless).some(isSet);
  const given = set.filter(isUsed);
  const label =
    `${nameOf(document)} ${(path === "" ? given[0]?.path : path)?.replaceAll("\\", "") ?? ""}`.trim();
  const read = given.map((f) => layerOf(f, root, release));
  const whole = withLists(read.map((l) => l.values).reduce(mergeSet, {}));
  const folder = first(entry.folder);
  const inner = ofSubchart(whole, typeof folder === "string" ? charts.around(folder) : undefined, place);
  const { values } = inner;
  const present = (paths: readonly string[] = []): string[] =>
    own(paths).filter((p) => every(root, p).some((v) => v !== undefined));
  const missing = read.flatMap((l, i) => l.missing.map((name) => `${given[i]?.path} (${name})`));
  const elsewhere = [...missing, ...present(entry.elsewhere).map((p) => `${p} (${namedAt(every(root, p))})`)];
  const beside = path.startsWith(entry.beside ?? "-") ? foldersBeside(document, entry.beside ?? "") : [];
  const version = first(entry.version);
  const isCilium =
    looksLikeValues(values) || (typeof chart === "string" && /cilium/i.test(chart)) || /cilium/i.test(label);
  // ConfigMaps and charts of other programs hold values too.
  if (!isCilium || given.length + elsewhere.length + beside.length === 0) return [];
  return [
    {
      values: isOfRke2(label, chart) ? withoutRke2(values) : values,
      of: nameOf(document),
      notes: inner.notes,
      files: read.flatMap((l) => l.files),
      elsewhere,
      beside,
      // Of the whole object, where it holds a list of releases.
      changes: (entry.changes ?? []).filter((p) => every(document, p).some((v) => v !== undefined)),
      unused: set.flatMap((f) =>
        f.unless === undefined || isUsed(f) ? [] : [{ path: f.path, instead: f.unless }],
      ),
      ...(typeof folder === "string" ? { folder } : {}),
      ...(entry.ofEach === undefined ? {} : { ofEach: entry.ofEach }),
      ...(isOfRke2(label, chart) ? { defaults: rke2Defaults } : {}),
      ...(typeof version === "string" || typeof version === "number" ? { version: String(version) } : {}),
    },
  ];
}

/** The chart of RKE2, whose defaults are other ones; an object changes it by its name. */
const isOfRke2 = (label: string, chart: unknown): boolean =>
  [chart, label].some((text) => typeof text === "string" && text.includes("rke2-cilium"));

/** Without what only RKE2's chart reads. */
function withoutRke2({ portmapPlugin: _, global, ...values }: Values): Values {
  if (!isMapping(global)) return global === undefined ? values : { ...values, global };
  const { systemDefaultRegistry: _r, ...more } = global;
  return Object.keys(more).length === 0 ? values : { ...values, global: more };
}

/** Of a chart that has Cilium's as a subchart: by its Chart.yaml, else by the usual names. */
function ofSubchart(
  whole: Values,
  around: ChartAround | undefined,
  place: string,
): { readonly values: Values; readonly notes: readonly Note[] } {
  if (looksLikeValues(whole)) return { values: whole, notes: [] };
  if (around !== undefined) return innerValues(around, [{ place, values: whole }]);
  const named = [whole.cilium, whole["rke2-cilium"]].filter(isMapping).find(looksLikeValues);
  return { values: named ?? whole, notes: [] };
}

/** Of one list with a chart: folders of other objects. */
const foldersBeside = (document: Values, list: string): string[] =>
  every(document, list)
    .flat()
    .flatMap((item, i) =>
      isMapping(item) && item.chart === undefined && item.helm === undefined && typeof item.path === "string"
        ? [`${list}[${i}].path (${item.path})`]
        : [],
    );

/** The files and objects that a list of references names. */
function namedAt(values: readonly unknown[]): string {
  const names = values.flat().flatMap((v): unknown[] => {
    if (!isMapping(v)) return v === undefined ? [] : [v];
    const of = [v, v.configMapKeyRef, v.secretKeyRef].filter(isMapping);
    return of.flatMap(({ name, path }) => name ?? path ?? []).slice(0, 1);
  });
  return names.slice(0, 4).map(String).join(", ").slice(0, 120);
}

export const nameOf = (document: Values): string => {
  const metadata = isMapping(document.metadata) ? document.metadata : {};
  const name = [metadata.namespace, metadata.name].filter((n) => typeof n === "string").join("/");
  return `${typeof document.kind === "string" ? document.kind : ""} ${name}`.trim();
};

/** What one of the places says. */
function layerOf(
  { path, form, value, root: base }: WrappedAt & { readonly value: unknown },
  root: Values,
  { document, place, layers }: Release,
): Layers {
  if (form === "files") {
    const folder = base === undefined ? undefined : every(root, base).find((b) => b !== undefined);
    return layers([value].flat(), base === undefined ? undefined : String(folder ?? ""));
  }
  const pairs = pairsOf(form, value);
  if (pairs !== undefined || typeof value !== "string")
    return { values: pairs ?? (isMapping(value) ? value : {}), files: [], missing: [] };
  const where = `${place}: ${nameOf(document)} ${path.replaceAll("\\", "")}`;
  const { documents, missing } = readTemplate(value, where);
  const [first] = documents;
  return { values: isMapping(first?.value) ? first.value : {}, files: [], missing };
}

/** Undefined for a form that holds no pairs. */
function pairsOf(form: WrappedAt["form"], value: unknown): Values | undefined {
  if (form === "set") return setPairs(value);
  if (form === "texts") return setPairs(value, true);
  return form === "variables" ? variablePairs(value) : undefined;
}

/** The values at a path; `[]` stands for every item of a list. */
function every(root: unknown, path: string): unknown[] {
  const [head = "", ...rest] = path.split(/(?<!\\)\./);
  const list = head.endsWith("[]");
  const key = head.replace(/\[\]$/, "").replaceAll("\\.", ".");
  const value = isMapping(root) ? root[key] : undefined;
  const items = list ? (Array.isArray(value) ? value : []) : [value];
  return rest.length === 0 ? items : items.flatMap((item) => every(item, rest.join(".")));
}

const at = (root: Values, path: string): unknown => every(root, path)[0];

/** Keys that only values of Cilium's chart have, one of which is enough. */
const telling = ["clustermesh", "kubeProxyReplacement", "routingMode", "tunnelProtocol", "ipam", "hubble"];

/** Whether a mapping is values of Cilium's chart. */
export function looksLikeValues(value: unknown): boolean {
  if (!isMapping(value)) return false;
  const cluster = isMapping(value.cluster) ? value.cluster : {};
  return (
    // A name such as `no` without quotes is false.
    (["string", "boolean"].includes(typeof cluster.name) &&
      Object.keys(cluster).every((k) => ["name", "id"].includes(k))) ||
    telling.some((key) => value[key] !== undefined && isChartKey(key))
  );
}

/** Whether a file of a folder, which may be of anything, is values of Cilium's chart: it has no other keys. */
export const couldBeValues = (values: Values): boolean =>
  looksLikeValues(values) || Object.keys(values).every((key) => isChartKey(key) || /^(x-|global$)/.test(key));

/** The keys of a mapping of which none is a name of Cilium's chart, in any case and at any place; none otherwise. */
export function foreignKeys(values: Values): string[] {
  const keys = Object.keys(values).filter((key) => !/^(x-|global$)/.test(key));
  return keys.some(isChartWord) ? [] : keys;
}

/** Where an object of a kind that is not in the table holds values, or a text that is values; none if nowhere. */
export const valuesPlaces = (value: unknown): string[] =>
  placesWhere(value, (v) =>
    typeof v === "string" ? isValuesText(v) || isPackedText(v) : v !== value && looksLikeValues(v),
  );

/** In base64, as cloud-init has files. */
const isPackedText = (text: string): boolean =>
  text.length >= 32 &&
  !/[^A-Za-z0-9+/=\s]/.test(text) &&
  isValuesText(Buffer.from(text, "base64").toString("utf8"));

/**
 * Where a document of a tool has pairs for `--set`, as `cluster.id: 3`, `cluster.id=3`, or a mapping whose `name` or `path`
 * is `cluster.id`: what it installs is not what its values files say.
 */
export function setPlaces(value: unknown): string[] {
  const places = placesWhere(value, (v) =>
    typeof v === "string" ? /=/.test(v) && isSetPath(v.replace(/=.*/s, "")) : isPair(v),
  );
  // `cluster.name` is a setting of Elasticsearch and OpenSearch too.
  return places.length > 0 && /cilium|clustermesh/i.test(JSON.stringify(value)) ? places : [];
}

const isPair = (value: unknown): boolean =>
  isMapping(value) &&
  (Object.keys(value).some(isSetPath) ||
    [value.name, value.path].some((path) => typeof path === "string" && isSetPath(path)));

const isSetPath = (text: string): boolean =>
  /^(cluster\.(id|name)|(clustermesh|ipam)(\.\w+)+)$/.test(text) && isKnownValue(text);

/** The places of a document that `is` holds of; nothing is looked for inside of them. */
export function placesWhere(value: unknown, is: (value: unknown) => boolean, path = "", depth = 0): string[] {
  if (depth > 12) return [];
  if (is(value)) return [path];
  if (Array.isArray(value)) return value.flatMap((v, i) => placesWhere(v, is, `${path}[${i}]`, depth + 1));
  if (!isMapping(value)) return [];
  return Object.entries(value).flatMap(([k, v]) =>
    placesWhere(v, is, path === "" ? k : `${path}.${k}`, depth + 1),
  );
}

export const isValuesText = (text: string): boolean =>
  /^[^\S\n]*(clustermesh|kubeProxyReplacement|routingMode|ipam):/m.test(text) ||
  /^cluster:[^\S\n]*\n[^\S\n]+(name|id):/m.test(text);
