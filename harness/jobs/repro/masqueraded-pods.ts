import { parseYamlObjects } from "#harness/config/yaml-objects.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { keptByMasqAgent, masqueraded } from "#harness/semantics/masquerading.ts";
import { settingsOf } from "./source-settings.ts";
import { at, isPlaceholder } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

/** Pods of other clusters to which packets leave with their node's address. */
export function masqueradedPods(clusters: readonly SourceCluster[]): Problem[] {
  return clusters.flatMap((c): Problem[] => {
    const own = settingsOf(c);
    const beside = { agentKeeps: agentKeeps(c), ofNodes: nodeSettings(c) };
    return clusters
      .filter((o) => o !== c)
      .flatMap((o): Problem[] => {
        const found = masqueraded(own, o.podNetwork.all, beside);
        if (found === undefined) return [];
        const { range, cidrs, unless } = found;
        return cidrs.map((text) => ({
          cluster: c.name,
          field: "ipv4NativeRoutingCIDR",
          inSource: `${range} does not contain the pods of ${o.name}, ${text}: packets to them are masqueraded, so policies see nodes${unless === undefined ? "" : `; unless ${unless}`}`,
          inLab: "as it is",
          matters: unless === undefined ? "yes" : "perhaps",
        }));
      });
  });
}

/**
 * What ip-masq-agent leaves alone: by its ConfigMap, else by the values of which the chart makes it
 * (templates/cilium-configmap.yaml@1.20.2). Undefined where neither was read, or a template fills it in: the ConfigMap may
 * have been made by hand.
 */
export function agentKeeps(c: SourceCluster): readonly string[] | undefined {
  const object = c.others.find((o) => o.kind === "ConfigMap" && o.metadata.name === "ip-masq-agent");
  if (object !== undefined) return ofText(at(object, "data.config"), c.name);
  const given = at(c.values, "ipMasqAgent.config");
  const isNone = given === null || given === undefined || (isMapping(given) && isEmpty(given));
  return isNone || hasPlaceholder(given) ? undefined : keptByMasqAgent(given);
}

function ofText(text: unknown, cluster: string): readonly string[] | undefined {
  if (typeof text !== "string") return undefined;
  if (text.trim() === "") return keptByMasqAgent(undefined);
  const [document] = parseYamlObjects(text, `ConfigMap ip-masq-agent of ${cluster}, data.config`);
  return hasPlaceholder(document?.value) ? undefined : keptByMasqAgent(document?.value);
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

const hasPlaceholder = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.some(hasPlaceholder)
    : isMapping(value)
      ? Object.values(value).some(hasPlaceholder)
      : isPlaceholder(value);

/** Settings that CiliumNodeConfigs give to some nodes. */
const nodeSettings = (c: SourceCluster): string[] =>
  c.others
    .filter((o) => o.kind === "CiliumNodeConfig")
    .flatMap(({ spec }) => (isMapping(spec) && isMapping(spec.defaults) ? Object.keys(spec.defaults) : []));
