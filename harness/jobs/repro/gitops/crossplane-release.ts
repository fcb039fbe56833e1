import { mergeValues } from "#harness/config/plan.ts";
import { present } from "#harness/lib/present.ts";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { notApplied, notRead } from "../part.ts";
import { groupOf, nameOf } from "../unwrap.ts";
import { at } from "../values-at.ts";
import type { Held } from "./held-objects.ts";
import { type MapReference, mappingIn, mapText } from "./map-text.ts";
import type { AllHeld, ReleaseKind, Resolved } from "./release-kind.ts";
import { type RenderedPatch, renderedPatches } from "./rendered-patches.ts";

type Values = Record<string, unknown>;

/**
 * Crossplane's Release, of the whole cluster or of a namespace: `valuesFrom` in order, then `values`, then `set`, whose
 * `valueFrom` takes precedence over `value`; `patchesFrom` are patches of what the chart makes (`composeValuesFromSpec`,
 * `getDataValueFromSource` and `getFromSpec`, pkg/controller/namespaced/release/{values,data,patch}.go of provider-helm).
 */
export const crossplaneRelease: ReleaseKind = {
  kind: "Release",
  groups: ["helm.crossplane.io", "helm.m.crossplane.io"],
  chart: ({ forProvider }) => (isMapping(forProvider) ? chartOf(forProvider).name : undefined),
  values: ({ forProvider }) => (isMapping(forProvider) ? forProvider.values : undefined),
  resolve,
};

/** With the name and the version that a URL has, which is used in place of others. */
function chartOf({ chart }: Values): Values {
  const own = isMapping(chart) ? chart : {};
  const file = typeof own.url === "string" ? (own.url.split("/").at(-1) ?? "").slice(0, 200) : "";
  const [, name, version] = /^([\w-]+?)(?:[:-]v?(\d+\.\d+\.\d+[\w.+-]*?))?(?:\.tgz)?$/.exec(file) ?? [];
  return { ...own, ...present({ name, version }) };
}

function resolve(release: Held, all: AllHeld): Resolved {
  const { spec } = release.value;
  const given = isMapping(spec) ? spec.forProvider : undefined;
  if (!isMapping(spec) || !isMapping(given)) return { value: release.value, used: [], notes: [] };
  const { valuesFrom, set, patchesFrom, ...rest } = given;
  const maps = new Maps(release, all);
  const notes: Note[] = [];
  let values: Values = {};
  for (const [i, source] of mappingsIn(valuesFrom).entries()) {
    const place = maps.place(`spec.forProvider.valuesFrom[${i}]`);
    const found = maps.text(source, "values.yaml");
    const read = "why" in found ? found.why : mappingIn(found.text, found.from);
    if (typeof read === "string") notes.push(notRead(`${place}: ${read}`));
    else values = mergeValues(values, read);
  }
  const pairs = mappingsIn(set).map((item, i): Values => {
    if (!isMapping(item.valueFrom)) return item;
    const found = maps.text(item.valueFrom, "value");
    if ("text" in found) return { name: item.name, value: found.text };
    notes.push(notRead(`${maps.place(`spec.forProvider.set[${i}].valueFrom`)}: ${found.why}`));
    const { kind, name } = referenceOf(item.valueFrom, "");
    // Not what `values` say: it takes their place.
    return { name: item.name, value: `\${${String(kind)} ${String(name)}}` };
  });
  const patches = mappingsIn(patchesFrom).flatMap((source, i): RenderedPatch[] => {
    const place = maps.place(`spec.forProvider.patchesFrom[${i}]`);
    const found = maps.text(source, "patch.yaml");
    const read = "why" in found ? found.why : mappingIn(found.text, found.from);
    if (typeof read === "string") notes.push(notApplied(place, `patches: ${read}`, "give them too"));
    if (typeof read === "string" || "why" in found) return [];
    return mappingsIn(read.patches).map((patch, j) => ({
      place: `${place}, patches[${j}] in ${found.from}`,
      patch,
    }));
  });
  const rendered = renderedPatches(patches, at(given, "namespace"));
  if (rendered.id !== undefined) pairs.push({ name: "cluster.id", value: rendered.id });
  const forProvider = {
    ...rest,
    chart: chartOf(given),
    values: mergeValues(values, isMapping(given.values) ? given.values : {}),
    ...(pairs.length === 0 ? {} : { set: pairs }),
  };
  return {
    value: { ...release.value, spec: { ...spec, forProvider } },
    used: maps.used,
    notes: [...notes, ...rendered.notes.map(({ note }) => note)],
  };
}

/** A Secret counts where both are given. */
function referenceOf({ secretKeyRef, configMapKeyRef }: Values, defaultKey: string): MapReference {
  const reference = isMapping(secretKeyRef)
    ? secretKeyRef
    : isMapping(configMapKeyRef)
      ? configMapKeyRef
      : {};
  const { name, namespace, key } = reference;
  return {
    kind: isMapping(secretKeyRef) ? "Secret" : "ConfigMap",
    name,
    namespace,
    key: typeof key === "string" && key !== "" ? key : defaultKey,
  };
}

/** The maps that one release refers to. */
class Maps {
  readonly used: Held[] = [];
  readonly #release: Held;
  readonly #all: Pick<AllHeld, "maps" | "rivals">;

  constructor(release: Held, { maps, rivals }: AllHeld) {
    this.#release = release;
    // Releases of several clusters are in one control plane, with its maps; two of one name are in two.
    this.#all = { maps, rivals: rivals.filter((r) => nameOf(r.value) === nameOf(release.value)) };
  }

  place(path: string): string {
    return `${path} of ${nameOf(this.#release.value)} in ${this.#release.file.path}`;
  }

  text(source: Values, defaultKey: string): ReturnType<typeof mapText>["found"] {
    const { namespace, ...reference } = referenceOf(source, defaultKey);
    // That of a namespace has its maps there (`DataKeySelector`, apis/namespaced/release/v1beta1/types.go).
    const isOfNamespace = groupOf(this.#release.value.apiVersion) === "helm.m.crossplane.io";
    const { used, found } = mapText(
      this.#release,
      isOfNamespace ? reference : { ...reference, namespace },
      this.#all,
    );
    this.used.push(...used);
    return found;
  }
}
