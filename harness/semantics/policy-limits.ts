import { listOf, outsideEntities, outsideKeys, peerKeys, proxyKeys } from "./policy-model.ts";

type Json = Readonly<Record<string, unknown>>;

/** Parts of a policy that the model cannot decide on, so that nothing is judged of the pods that it selects. */
export function policyLimits(kind: string, specs: readonly unknown[]): string[] {
  const found = new Set<string>();
  for (const spec of specs as readonly (Json | undefined)[])
    for (const side of ["ingress", "egress"] as const) {
      const word = side === "ingress" ? "from" : "to";
      for (const rule of [...listOf(spec?.[side]), ...listOf(spec?.[`${side}Deny`])])
        for (const limit of kind === "NetworkPolicy" ? ofKubernetes(rule, word) : ofCilium(rule, word, side))
          found.add(limit);
    }
  return [...found];
}

const ofKubernetes = (rule: Json, word: string): string[] =>
  Object.keys(rule).filter((key) => key !== "ports" && key !== word);

function ofCilium(rule: Json, word: string, side: "ingress" | "egress"): string[] {
  const known = ["toPorts", "icmps", ...[...peerKeys, ...outsideKeys].map((key) => `${word}${key}`)];
  const entities = (rule[`${word}Entities`] ?? []) as readonly string[];
  const ports = listOf(rule.toPorts);
  const named = ports.flatMap((entry) => listOf(entry.ports)).some((p) => Number.isNaN(Number(p.port ?? 0)));
  return [
    ...Object.keys(rule).filter((key) => !known.includes(key)),
    ...entities.filter((e) => !["all", "cluster", ...outsideEntities].includes(e)).map((e) => `entity ${e}`),
    ...ports.flatMap((entry) =>
      proxyKeys.filter((key) => entry[key] !== undefined).map((key) => `toPorts.${key}`),
    ),
    ...(named && side === "egress" ? ["named ports on egress"] : []),
  ];
}
