import { MeshproofError } from "#harness/lib/errors.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping, mappingsIn, textsIn } from "#harness/lib/value-at.ts";
import type { SourceFile } from "../part.ts";
import { groupOf, isTableKind, nameOf, placesWhere, valuesPlaces } from "../unwrap.ts";
import { at } from "../values-at.ts";
import { type Held, heldIn } from "./held-objects.ts";

type Values = Record<string, unknown>;

/** Kinds by which a program changes an object for each cluster that it gives it to. */
interface Overrider {
  readonly group: string;
  readonly kinds: RegExp;
  /** Where it says which objects it changes. */
  readonly selectors: readonly string[];
  /** Where it says what it changes. */
  readonly rules: readonly string[];
  /** The label by which an object names it, in place of selectors. */
  readonly label?: RegExp;
}

const overriders: readonly Overrider[] = [
  {
    group: "policy.karmada.io",
    kinds: /^(Cluster)?OverridePolicy$/,
    selectors: ["spec.resourceSelectors"],
    rules: ["spec.overrideRules", "spec.overriders"],
  },
  {
    group: "core.kubeadmiral.io",
    kinds: /^(Cluster)?OverridePolicy$/,
    selectors: [],
    rules: ["spec.overrideRules"],
    label: /^kubeadmiral\.io\/(cluster-)?override-policy-name$/,
  },
  {
    group: "placement.kubernetes-fleet.io",
    kinds: /^(Cluster)?ResourceOverride$/,
    selectors: ["spec.resourceSelectors", "spec.clusterResourceSelectors"],
    rules: ["spec.policy.overrideRules"],
  },
  {
    group: "apps.clusternet.io",
    kinds: /^(Localization|Globalization)$/,
    selectors: ["spec.feed"],
    rules: ["spec.overrides"],
  },
  // The object is a part of it.
  { group: "types.kubefed.io", kinds: /^Federated/, selectors: [], rules: ["spec.overrides"] },
];

/** Parts of Karmada's and KubeAdmiral's rules that change no value. */
const harmless = /^(image|command|args|envs|labels|annotations)(Overrider)?$/;

/**
 * Throws `usage` if objects change a release of Cilium for each cluster: its values are those of no cluster then. Which
 * clusters they are is said by labels of clusters, which no file holds.
 */
export function refuseOverrides(files: readonly SourceFile[]): void {
  const held = heldIn(files);
  const releases = held.filter(({ value }) => isTableKind(value) && isCiliums(value));
  const found = held.flatMap((by) => {
    const of = overriders.find(
      (o) => o.group === groupOf(by.value.apiVersion) && o.kinds.test(String(by.value.kind)),
    );
    if (of === undefined || !changesValues(by.value, of)) return [];
    if (of.group === "types.kubefed.io") return isCiliums(by.value) ? [{ by, release: "its template" }] : [];
    const release = releases.find((r) => isSelected(r, by, of));
    return release === undefined ? [] : [{ by, release: nameOf(release.value) }];
  });
  const [first] = found;
  if (first === undefined) return;
  const clusters = [...new Set(found.flatMap(({ by }) => clustersIn(by.value)))];
  const names = [...Map.groupBy(found, ({ by }) => by.file.path)].map(
    ([path, of]) =>
      `${path}: ${shortList(
        of.map(({ by }) => nameOf(by.value)),
        8,
      )}`,
  );
  throw new MeshproofError(
    "usage",
    `${names.join("; ")} ${found.length === 1 ? "changes" : "change"} ${first.release} for each cluster, which is not done here`,
    {
      remedy: `give the values of each cluster${clusters.length === 0 ? "" : ` (${clusters.join(", ")})`} as a file of their own: what \`helm get values cilium -n kube-system\` prints there`,
    },
  );
}

const isCiliums = (document: Values): boolean =>
  /cilium/i.test(nameOf(document)) || valuesPlaces(document).length > 0;

function changesValues(document: Values, { rules }: Overrider): boolean {
  const written = rules.flatMap((path) => at(document, path) ?? []);
  if (written.length === 0) return false;
  const kinds = written.flatMap((rule) => {
    const of = isMapping(rule) ? (rule.overriders ?? rule) : rule;
    return isMapping(of) ? Object.keys(of) : ["other"];
  });
  return !kinds.every((kind) => harmless.test(kind));
}

function isSelected({ value: release }: Held, { value: by }: Held, of: Overrider): boolean {
  const { label } = of;
  if (label !== undefined)
    return Object.entries(labelsOf(release)).some(
      ([key, name]) => label.test(key) && isMapping(by.metadata) && name === by.metadata.name,
    );
  const selectors = of.selectors.flatMap((path) => at(by, path) ?? []).filter(isMapping);
  // Without selectors, Karmada's select every object.
  return selectors.length === 0 || selectors.some((s) => isSelectedBy(release, s));
}

/** By its group, in whatever version: one that selects another version was meant for it all the same. */
function isSelectedBy(release: Values, selector: Values): boolean {
  const { apiVersion, group = groupOf(apiVersion), kind, name, labelSelector } = selector;
  const { metadata } = release;
  const own = isMapping(metadata) ? metadata : {};
  if (kind === "Namespace") return name === undefined || name === own.namespace;
  if (kind !== release.kind || group !== groupOf(release.apiVersion)) return false;
  if (name !== undefined && name !== "") return name === own.name;
  const wanted =
    isMapping(labelSelector) && isMapping(labelSelector.matchLabels) ? labelSelector.matchLabels : {};
  return Object.entries(wanted).every(([key, value]) => labelsOf(release)[key] === value);
}

const labelsOf = ({ metadata }: Values): Values =>
  isMapping(metadata) && isMapping(metadata.labels) ? metadata.labels : {};

/** The clusters that rules name. */
const clustersIn = (document: Values): string[] => [
  ...new Set([
    ...textsAt(document, "clusterNames"),
    ...mappingsIn(at(document, "spec.overrides")).flatMap(({ clusterName }) =>
      typeof clusterName === "string" ? [clusterName] : [],
    ),
  ]),
];

const textsAt = (document: Values, key: string): string[] => {
  const found: string[] = [];
  placesWhere(document, (v) => {
    if (isMapping(v)) found.push(...textsIn(v[key]));
    return false;
  });
  return found;
};
