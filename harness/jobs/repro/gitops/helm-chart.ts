import { mergeValues } from "#harness/config/plan.ts";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import { notRead } from "../part.ts";
import { nameOf } from "../unwrap.ts";
import { type Held, isNamed, nearest } from "./held-objects.ts";
import { mappingIn, mapText } from "./map-text.ts";
import type { AllHeld, ReleaseKind, Resolved } from "./release-kind.ts";

type Values = Record<string, unknown>;

/** Where the table of kinds finds what is in force over the values of a HelmChart's or a HelmChartConfig's own spec. */
const resolvedPlace = "valuesInForce";

const group = "helm.cattle.io";

/**
 * `spec.valuesSecrets` of K3s and RKE2, and the HelmChartConfig of a HelmChart. From the least to the most, in force are
 * the values of the HelmChart, its Secrets in their order, the values of the HelmChartConfig, its Secrets, and `set` of
 * the HelmChart (docs/add-ons/helm.md of k3s-io/docs).
 */
export const helmChart: ReleaseKind = {
  kind: "HelmChart",
  groups: [group],
  chart: (spec) => spec.chart,
  values: inlineValues,
  resolve: (release, all) => {
    const rivals = all.rivals.filter((r) => r.value.kind === "HelmChart");
    const own = fromSecrets(release, all);
    const [config, ...others] = nearest(
      release,
      all.configs.filter(isNamed(release, { kind: "HelmChartConfig", name: nameIn(release) })),
      rivals,
    );
    // Of several, nobody knows which one; one that cannot be read stands on its own.
    const inline = config === undefined || others.length > 0 ? undefined : inlineValues(specOf(config));
    if (config === undefined || inline === undefined) return own.resolved(own.values);
    const ofConfig = fromSecrets(config, all);
    const { used, notes, ...resolved } = own.resolved(
      [own.values, inline, ofConfig.values].reduce(mergeValues, {}),
    );
    const more = ofConfig.resolved({});
    return { ...resolved, used: [...used, ...more.used, config], notes: [...notes, ...more.notes] };
  },
};

/** A HelmChartConfig without its HelmChart, which the distribution has. */
export const helmChartConfig: ReleaseKind = {
  kind: "HelmChartConfig",
  groups: [group],
  chart: () => undefined,
  values: inlineValues,
  resolve: (release, all) => {
    const own = fromSecrets(release, all);
    return own.resolved(own.values);
  },
};

const specOf = ({ value: { spec } }: Held): Values => (isMapping(spec) ? spec : {});
const nameIn = ({ value: { metadata } }: Held): unknown => (isMapping(metadata) ? metadata.name : undefined);

/** `values` over `valuesContent`; undefined where the text is none that can be read, such as a template. */
function inlineValues({ values, valuesContent }: Values): Values | undefined {
  const text = typeof valuesContent === "string" ? mappingIn(valuesContent, "spec.valuesContent") : {};
  if (typeof text === "string") return undefined;
  return isMapping(values) ? mergeValues(text, values) : text;
}

interface FromSecrets {
  readonly values: Values;
  /** The release with these values in force over its own. */
  readonly resolved: (over: Values) => Resolved;
}

function fromSecrets(release: Held, all: AllHeld): FromSecrets {
  const { valuesSecrets, ...spec } = specOf(release);
  const used: Held[] = [];
  const missing: string[] = [];
  let values: Values = {};
  for (const [i, { name, keys }] of mappingsIn(valuesSecrets).entries())
    for (const key of Array.isArray(keys) ? keys : []) {
      const place = `spec.valuesSecrets[${i}] of ${nameOf(release.value)} in ${release.file.path}`;
      const { used: maps, found } = mapText(release, { kind: "Secret", name, key: String(key) }, all);
      used.push(...maps);
      const read = "why" in found ? found.why : mappingIn(found.text, found.from);
      if (typeof read === "string") missing.push(`${place}: ${read}`);
      else values = mergeValues(values, read);
    }
  return {
    values,
    resolved: (over) => ({
      value: {
        ...release.value,
        spec: Object.keys(over).length === 0 ? spec : { ...spec, [resolvedPlace]: over },
      },
      used,
      notes: missing.map(notRead),
    }),
  };
}
