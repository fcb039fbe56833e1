import { mergeValues } from "#harness/config/plan.ts";
import { present } from "#harness/lib/present.ts";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { mergeSet, nested, refusedPath, setKeys, setValue, withLists } from "../commands/set-values.ts";
import { notRead } from "../part.ts";
import { nameOf } from "../unwrap.ts";
import { at } from "../values-at.ts";
import { type Held, isNamed, nearest } from "./held-objects.ts";
import { mappingIn, mapText } from "./map-text.ts";
import type { AllHeld, ReleaseKind, Resolved } from "./release-kind.ts";
import { type RenderedPatch, renderedPatches } from "./rendered-patches.ts";

type Values = Record<string, unknown>;

/** `spec.valuesFrom` of Flux's HelmRelease, and the chart that `spec.chartRef` names. */
export const fluxRelease: ReleaseKind = {
  kind: "HelmRelease",
  groups: ["helm.toolkit.fluxcd.io"],
  chart: (spec) => at(spec, "chart.spec.chart"),
  values: (spec) => spec.values,
  resolve,
};

/** Each dot is a level. */
const mostPath = 500;

function resolve(release: Held, all: AllHeld): Resolved {
  const { spec } = release.value;
  if (!isMapping(spec)) return { value: release.value, used: [], notes: [] };
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
    const place = `spec.valuesFrom[${i}] of ${nameOf(release.value)} in ${release.file.path}`;
    const { used: maps, found } = mapText(release, { kind, name, key: String(valuesKey) }, all);
    used.push(...maps);
    if ("why" in found) missing.push(`${place}: ${found.why}`);
    else if (typeof targetPath === "string" && targetPath.length > mostPath)
      missing.push(`${place}: its targetPath is longer than ${mostPath} characters`);
    else if (typeof targetPath === "string" && refusedPath(targetPath) !== undefined)
      missing.push(`${place}: ${refusedPath(targetPath)}`);
    else if (typeof targetPath === "string" && targetPath !== "") {
      const value = literal === true ? found.text : flatValue(found.text);
      last = mergeSet(last, nested(setKeys(targetPath), value));
    } else {
      const read = mappingIn(found.text, found.from);
      if (typeof read === "string") missing.push(`${place}: ${read}`);
      else values = mergeValues(values, read);
    }
  }
  const inline = isMapping(spec.values) ? spec.values : {};
  const { valuesFrom: _, ...rest } = spec;
  // Flux: values of `targetPath` take precedence over inline values, which take precedence over others.
  const merged = withLists(mergeSet(mergeValues(values, inline), last));
  const { id, notes } = patchedIn(release, spec);
  const [source] = isMapping(spec.chartRef)
    ? nearest(release, all.charts.filter(isNamed(release, spec.chartRef)), all.rivals)
    : [];
  const chart = spec.chart ?? {
    spec: present({ version: source === undefined ? undefined : versionOf(source) }),
  };
  return {
    value: {
      ...release.value,
      spec: {
        ...rest,
        chart,
        values: id === undefined ? merged : mergeValues(merged, { cluster: { id: setValue(id) } }),
      },
    },
    used: source === undefined ? used : [...used, source],
    notes: [...missing.map(notRead), ...notes],
  };
}

/** What `postRenderers` change of cilium-config; that they are there is a line of its own. */
function patchedIn({ value, file }: Held, spec: Values): { readonly id?: string; readonly notes: Note[] } {
  const patches = mappingsIn(spec.postRenderers).flatMap((renderer, i) =>
    mappingsIn(at(renderer, "kustomize.patches")).map((patch, j): RenderedPatch => {
      const place = `spec.postRenderers[${i}].kustomize.patches[${j}]`;
      return { place: `${place} of ${nameOf(value)} in ${file.path}`, patch };
    }),
  );
  const namespace = isMapping(value.metadata) ? value.metadata.namespace : undefined;
  const { notes, ...rest } = renderedPatches(patches, spec.targetNamespace ?? namespace);
  return { ...rest, notes: notes.filter((n) => n.isOfConfig).map((n) => n.note) };
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
