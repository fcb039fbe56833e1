import { mergeValues } from "#harness/config/plan.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { groupOf, nameOf } from "../unwrap.ts";
import { at } from "../values-at.ts";
import { filled, goExpression } from "./filled.ts";
import type { Target } from "./target.ts";

type Values = Record<string, unknown>;

/** Where an object of Fleet has its options, and those that apply to some of the clusters. */
interface FleetForm {
  readonly options: Values;
  readonly targets: readonly unknown[];
  readonly key: string;
  /** The same object with other options. */
  readonly with: (options: Values) => Values;
}

function formOf(document: Values): FleetForm | undefined {
  const { kind, spec, targetCustomizations } = document;
  if (kind === undefined)
    return Array.isArray(targetCustomizations)
      ? {
          options: document,
          targets: targetCustomizations,
          key: "targetCustomizations",
          with: ({ targetCustomizations: _, ...options }) => options,
        }
      : undefined;
  if (groupOf(document.apiVersion) !== "fleet.cattle.io" || !isMapping(spec) || !Array.isArray(spec.targets))
    return undefined;
  return spec.targets.some(hasOptions)
    ? {
        options: spec,
        // Those of its GitRepo, which have no options, only choose clusters.
        targets: spec.targets.map((t) => (hasOptions(t) ? t : undefined)),
        key: "spec.targets",
        with: ({ targets: _, ...options }) => ({ ...document, spec: options }),
      }
    : undefined;
}

/** What a target can change of the values and of what the chart makes of them. */
const optionKeys = ["helm", "kustomize", "yaml"] as const;
const optionsOf = (target: Values): Values =>
  Object.fromEntries(optionKeys.filter((key) => isMapping(target[key])).map((key) => [key, target[key]]));
const hasOptions = (target: unknown): boolean =>
  isMapping(target) && Object.keys(optionsOf(target)).length > 0;

/**
 * A target's options over those of all. In each of the two, values of files take precedence over `values` (Fleet's
 * bundlereader), so the list of files holds the target's own values too, at their place.
 */
function optionsWith(options: Values, target: Values): Values {
  const merged = mergeValues(options, target);
  const [own, all] = [target.helm, options.helm].map((helm) => (isMapping(helm) ? helm : {}));
  if (own === undefined || !Array.isArray(all?.valuesFiles)) return merged;
  const layers = [...all.valuesFiles, own.values ?? {}, own.valuesFiles ?? []].flat();
  return mergeValues(merged, { helm: { valuesFiles: layers } });
}

/**
 * The clusters of Rancher Fleet's `targetCustomizations`: each has the values of `helm.values`, with its own over them.
 * Undefined for any other document.
 */
export function fleetTargets(document: Values): Target[] | undefined {
  const form = formOf(document);
  if (form === undefined) return undefined;
  const targets = form.targets.flatMap((target, i): Target[] => {
    if (!isMapping(target) || target.doNotDeploy === true) return [];
    const merged = optionsWith(form.options, optionsOf(target));
    const label = typeof target.name === "string" ? ` (${target.name})` : "";
    return [
      {
        document: withLabels(form.with(merged), target),
        place: `${nameOf(document)} ${form.key}[${i}]${label}`.trim(),
      },
    ];
  });
  return ownCluster(form.options) === undefined
    ? targets
    : [
        { document: form.with(form.options), place: `${nameOf(document)} helm.values`.trim(), isRest: true },
        ...targets,
      ];
}

/** Values that name a cluster themselves are of the clusters that no customization matches. */
function ownCluster(options: Values): string | undefined {
  const [name, id] = [at(options, "helm.values.cluster.name"), at(options, "helm.values.cluster.id")];
  const isGiven = typeof name === "string" && /^[a-z0-9-]+$/.test(name) && name !== "default";
  return isGiven && Number(id) > 0 ? name : undefined;
}

/** `${ .ClusterName }`, `${ .ClusterLabels.NAME }` and `global.fleet.clusterLabels.NAME`, as far as the target tells them. */
function withLabels(document: Values, { clusterName, clusterSelector }: Values): Values {
  const labels =
    isMapping(clusterSelector) && isMapping(clusterSelector.matchLabels) ? clusterSelector.matchLabels : {};
  const context = {
    ClusterLabels: labels,
    ...(clusterName === undefined ? {} : { ClusterName: clusterName }),
  };
  return filled(document, (text) => {
    const label = /^global\.fleet\.clusterLabels\.(.+)$/.exec(text)?.[1];
    if (label !== undefined && typeof labels[label] === "string") return labels[label];
    return text.replace(/\$\{([^{}]*)\}/g, (whole, inner: string) => goExpression(inner, context) ?? whole);
  }) as Values;
}
