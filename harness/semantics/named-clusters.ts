import { isMapping, mappingsIn, textsIn } from "#harness/lib/value-at.ts";
import { bareKey, clusterKey } from "./policy-model.ts";

/** The clusters that selectors within a policy name by Cilium's label, in their order; templates of names are left out. */
export function namedClusters(policy: unknown): string[] {
  const found = new Set<string>();
  const walk = (value: unknown, depth: number): void => {
    if (depth > 20 || typeof value !== "object" || value === null) return;
    if (isMapping(value)) {
      for (const [key, label] of Object.entries(isMapping(value.matchLabels) ? value.matchLabels : {}))
        if (bareKey(key) === clusterKey && typeof label === "string") found.add(label);
      for (const { key, operator, values } of mappingsIn(value.matchExpressions))
        if (typeof key === "string" && bareKey(key) === clusterKey && operator === "In")
          for (const name of textsIn(values)) found.add(name);
    }
    for (const inner of Object.values(value)) walk(inner, depth + 1);
  };
  walk(policy, 0);
  return [...found].filter((name) => /^[a-z0-9-]+$/.test(name));
}
