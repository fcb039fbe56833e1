import { mergeValues } from "#harness/config/plan.ts";
import { parseYamlObjects, type YamlDocument } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { setKeys, setValue } from "../commands/set-values.ts";
import { notRead, type SourceFile } from "../part.ts";
import { isList } from "../text-forms.ts";
import { groupOf, looksLikeValues, nameOf } from "../unwrap.ts";
import { at } from "../values-at.ts";
import { type Held, heldIn, isNamed, nearest } from "./held-objects.ts";
import { entryOf, isEncrypted } from "./map-entries.ts";

type Values = Record<string, unknown>;

/**
 * The files of the source with the values that Flux takes from ConfigMaps and Secrets (`spec.valuesFrom` of a
 * HelmRelease) in their places. A map that a release takes values from is not read on its own. A map that is in no file,
 * or in several that are equally near, is noted.
 */
export function withValuesFrom(files: readonly SourceFile[]): SourceFile[] {
  const held = heldIn(files);
  const releases = held.filter(
    ({ value }) =>
      value.kind === "HelmRelease" &&
      groupOf(value.apiVersion) === "helm.toolkit.fluxcd.io" &&
      mayBeCiliums(value),
  );
  const maps = held.filter(({ value }) => value.kind === "ConfigMap" || value.kind === "Secret");
  const charts = held.filter(({ value }) => groupOf(value.apiVersion) === "source.toolkit.fluxcd.io");
  const rivals = releases.filter(({ value }) => isCiliums(value));
  const taken = new Set<unknown>();
  const changed = new Map<unknown, Values>();
  const notes = new Map<SourceFile, Note[]>();
  for (const release of releases) {
    const { value, used, missing } = resolved(release, { rivals, maps, charts });
    if (!isCiliums(value)) continue;
    for (const map of used) taken.add(map.value);
    changed.set(release.value, value);
    notes.set(release.file, [...(notes.get(release.file) ?? []), ...missing.map(notRead)]);
  }
  const next = (value: unknown): unknown[] => (taken.has(value) ? [] : [changed.get(value) ?? value]);
  return files.flatMap((file): SourceFile[] => {
    const documents = file.documents.flatMap((d): YamlDocument[] =>
      isList(d.value)
        ? [{ ...d, value: { ...d.value, items: d.value.items.flatMap(next) } }]
        : next(d.value).map((value) => ({ ...d, value })),
    );
    const own = { ...file, documents, notes: [...file.notes, ...(notes.get(file) ?? [])] };
    // Nothing of it is left.
    return documents.length === 0 && file.documents.length > 0 && own.notes.length === 0 ? [] : [own];
  });
}

const mayBeCiliums = ({ spec }: Values): boolean => {
  const chart = isMapping(spec) ? at(spec, "chart.spec.chart") : undefined;
  return typeof chart !== "string" || /cilium/i.test(chart);
};

/** By the chart's name; where another object names the chart, by the release's name or values. */
function isCiliums({ metadata, spec }: Values): boolean {
  const chart = isMapping(spec) ? at(spec, "chart.spec.chart") : undefined;
  if (typeof chart === "string") return /cilium/i.test(chart);
  return (
    (isMapping(spec) && looksLikeValues(spec.values)) ||
    (isMapping(metadata) && /cilium/i.test(String(metadata.name)))
  );
}

/** Each dot is a level. */
const mostPath = 500;

interface Resolved {
  readonly value: Values;
  readonly used: readonly Held[];
  readonly missing: readonly string[];
}

interface All {
  /** Releases of Cilium, each of a cluster. */
  readonly rivals: readonly Held[];
  readonly maps: readonly Held[];
  readonly charts: readonly Held[];
}

function resolved(release: Held, { rivals, maps, charts }: All): Resolved {
  const { spec } = release.value;
  if (!isMapping(spec)) return { value: release.value, used: [], missing: [] };
  const references: unknown[] = Array.isArray(spec.valuesFrom) ? spec.valuesFrom : [];
  const used: Held[] = [];
  const missing: string[] = [];
  let values: Values = {};
  let last: Values = {};
  for (const [i, reference] of references.entries()) {
    const {
      kind,
      name,
      valuesKey = "values.yaml",
      targetPath,
      literal,
    } = isMapping(reference) ? reference : {};
    const key = String(valuesKey);
    const place = `spec.valuesFrom[${i}] of ${nameOf(release.value)} in ${release.file.path}`;
    const [found, ...others] = nearest(release, maps.filter(isNamed(release, { kind, name })), rivals);
    // Whichever it is, none is an object of its own.
    used.push(...others);
    if (found === undefined || others.length > 0) {
      const where = [found, ...others].flatMap((held) => held?.file.path ?? []);
      missing.push(
        `${place}: ${String(kind)} ${String(name)} is in ${where.length === 0 ? "no file" : `several files: ${where.join(", ")}`}`,
      );
      if (found !== undefined) used.push(found);
      continue;
    }
    const text = entryOf(found.value, key);
    used.push(found);
    if (text === undefined || isEncrypted(found.value, text)) {
      missing.push(
        `${place}: ${key} of ${nameOf(found.value)} in ${found.file.path} is ${text === undefined ? "not there" : "encrypted"}`,
      );
      continue;
    }
    if (typeof targetPath === "string" && targetPath.length > mostPath)
      missing.push(`${place}: its targetPath is longer than ${mostPath} characters`);
    else if (typeof targetPath === "string" && targetPath !== "")
      last = setAt(last, setKeys(targetPath), literal === true ? text : flatValue(text));
    else {
      const read = valuesIn(text, `${found.file.path}, ${key} of ${nameOf(found.value)}`);
      if (typeof read === "string") missing.push(`${place}: ${read}`);
      else values = mergeValues(values, read);
    }
  }
  const inline = isMapping(spec.values) ? spec.values : {};
  const { valuesFrom: _, ...rest } = spec;
  // Flux: values of `targetPath` take precedence over inline values, which take precedence over others.
  const merged = overlaid(mergeValues(values, inline), last);
  const [source] = isMapping(spec.chartRef)
    ? nearest(release, charts.filter(isNamed(release, spec.chartRef)), rivals)
    : [];
  const chart = spec.chart ?? {
    spec: present({ version: source === undefined ? undefined : versionOf(source) }),
  };
  return {
    value: { ...release.value, spec: { ...rest, chart, values: merged } },
    used: source === undefined ? used : [...used, source],
    missing,
  };
}

/** Values that a map holds as a text, or what is wrong with it. */
function valuesIn(text: string, place: string): Values | string {
  try {
    const [document] = parseYamlObjects(text, place);
    return isMapping(document?.value) ? document.value : {};
  } catch (error) {
    if (error instanceof MeshproofError) return error.message;
    throw error;
  }
}

/** Of an OCIRepository or a HelmChart. */
function versionOf({ value: { spec } }: Held): string | undefined {
  const version = isMapping(spec)
    ? (at(spec, "ref.tag") ?? at(spec, "ref.semver") ?? spec.version)
    : undefined;
  return typeof version === "string" ? version : undefined;
}

/** A value as Helm's `--set` reads it; within quotes, a text. */
function flatValue(text: string): unknown {
  const [, , quoted] = /^(["'])(.*)\1$/s.exec(text) ?? [];
  return quoted ?? setValue(text);
}

/** A value at its keys; a number as key in place of an item of a list. */
const setAt = (values: Values, keys: readonly string[], value: unknown): Values =>
  overlaid(values, keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values);

/** Like `mergeValues`, but a mapping with numbers as keys changes those items of a list. */
function overlaid(base: Values, over: Values): Values {
  const merged: Values = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const standing = merged[key];
    if (Array.isArray(standing) && isMapping(value) && Object.keys(value).every((k) => /^\d+$/.test(k)))
      merged[key] = Object.values(overlaid(Object.fromEntries(standing.entries()), value));
    else merged[key] = isMapping(standing) && isMapping(value) ? overlaid(standing, value) : value;
  }
  return merged;
}
