import type { YamlDocument } from "#harness/config/yaml-objects.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { leftOut, type SourceFile } from "../part.ts";
import { isList } from "../text-forms.ts";
import { groupOf, looksLikeValues, nameOf } from "../unwrap.ts";
import { crossplaneRelease } from "./crossplane-release.ts";
import { fluxRelease } from "./flux-release.ts";
import { type Held, heldIn } from "./held-objects.ts";
import { helmChart, helmChartConfig } from "./helm-chart.ts";
import type { ReleaseKind } from "./release-kind.ts";

type Values = Record<string, unknown>;

const kinds: readonly ReleaseKind[] = [fluxRelease, crossplaneRelease, helmChart, helmChartConfig];

/**
 * The files of the source with the values that releases of Flux, Crossplane, K3s and RKE2 take from ConfigMaps and Secrets
 * in their places. A map that a release takes values from is not read on its own. A map that is in no file, or in several
 * that are equally near, is noted.
 */
export function withValuesFrom(files: readonly SourceFile[]): SourceFile[] {
  const held = heldIn(files);
  const releases = held.flatMap((release) => {
    const kind = kindOf(release.value);
    return kind !== undefined && mayBeCiliums(release.value, kind) ? [{ release, kind }] : [];
  });
  const maps = held.filter(({ value }) => isMap(value));
  const charts = held.filter(({ value }) => groupOf(value.apiVersion) === "source.toolkit.fluxcd.io");
  const configs = held.filter(({ value }) => kindOf(value) === helmChartConfig);
  const rivals = releases.filter(({ release, kind }) => isCiliums(release.value, kind)).map((r) => r.release);
  const taken = new Set<unknown>();
  const changed = new Map<unknown, Values>();
  const notes = new Map<unknown, readonly Note[]>();
  const ofControlPlane: Held[] = [];
  for (const { release, kind } of releases) {
    const { value, used, notes: own } = kind.resolve(release, { rivals, maps, charts, configs });
    if (!isCiliums(value, kind)) continue;
    for (const map of used) taken.add(map.value);
    if (kind === crossplaneRelease) ofControlPlane.push(...used);
    changed.set(release.value, value);
    notes.set(value, own);
  }
  const next = (value: unknown): unknown[] => (taken.has(value) ? [] : [changed.get(value) ?? value]);
  return files.flatMap((file): SourceFile[] => {
    const documents = file.documents.flatMap((d): YamlDocument[] => {
      if (!isList(d.value)) return next(d.value).map((value) => ({ ...d, value }));
      const items = d.value.items.flatMap(next);
      return items.length === 0 && d.value.items.length > 0 ? [] : [{ ...d, value: { ...d.value, items } }];
    });
    const own = besideTaken({ ...file, documents, ofObjects: notes }, ofControlPlane);
    // Nothing of it is left.
    return own.documents.length === 0 && file.documents.length > 0 && own.notes.length === 0 ? [] : [own];
  });
}

const isMap = ({ kind }: Values): boolean => kind === "ConfigMap" || kind === "Secret";

const kindOf = ({ kind, apiVersion }: Values): ReleaseKind | undefined =>
  kinds.find((k) => k.kind === kind && k.groups.includes(groupOf(apiVersion)));

const specOf = ({ spec }: Values): Values => (isMapping(spec) ? spec : {});

const mayBeCiliums = (document: Values, kind: ReleaseKind): boolean => {
  const chart = kind.chart(specOf(document));
  return typeof chart !== "string" || /cilium/i.test(chart);
};

/** By the chart's name; where another object names the chart, by the release's name or values. */
function isCiliums(document: Values, kind: ReleaseKind): boolean {
  const chart = kind.chart(specOf(document));
  if (typeof chart === "string") return /cilium/i.test(chart);
  const { metadata } = document;
  return (
    looksLikeValues(kind.values(specOf(document))) ||
    (isMapping(metadata) && /cilium/i.test(String(metadata.name)))
  );
}

/**
 * Without the maps beside those of Crossplane's releases, where a file holds nothing else: they are of the control plane,
 * and of no cluster of the mesh.
 */
function besideTaken(file: SourceFile, used: readonly Held[]): SourceFile {
  const own = used.filter((map) => map.file.path === file.path);
  const left = heldIn([file]).map(({ value }) => value);
  const isBeside = (value: Values): boolean =>
    isMap(value) &&
    !/[ /]cilium-config$/.test(nameOf(value)) &&
    own.some((map) => namespaceOf(map.value) === namespaceOf(value));
  if (own.length === 0 || left.length === 0 || file.cluster !== undefined || !left.every(isBeside))
    return file;
  const note: Note = {
    ...leftOut(file.path, `holds ${left.map(nameOf).join(", ")}`),
    field: "objects of no cluster",
    matters: "no",
  };
  return { ...file, documents: [], notes: [...file.notes, note] };
}

const namespaceOf = ({ metadata }: Values): unknown => (isMapping(metadata) ? metadata.namespace : undefined);
