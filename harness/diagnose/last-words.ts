import type { ClusterSnapshot, ContainerState, PodState } from "#harness/model/mesh-snapshot.ts";
import { known, kubectl, versionOf } from "./parts.ts";
import { helmUpgrade, restartAgent } from "./repairs.ts";

const longest = 300;

/** Settings that an error is about without naming their flags. */
const settingsOfErrors: readonly (readonly [RegExp, readonly string[]])[] = [
  // `ErrorDirectRoutingDevice`, and what selects the devices among which it is looked for.
  [/direct routing device|detect devices|no native device/i, ["devices", "direct-routing-device"]],
];

/** What switches off the parts of Cilium that a panic was in, by their paths; one that crashes reads it when it starts again. */
const switches: readonly (readonly [path: string, value: string])[] = [
  ["pkg/clustermesh/endpointslicesync", "clustermesh.enableEndpointSliceSynchronization=false"],
  ["pkg/clustermesh/mcsapi", "clustermesh.mcsapi.enabled=false"],
];

/** Why an agent or an operator ended, and what to correct if that names settings. */
interface LastWords {
  readonly text: string;
  readonly next: string | undefined;
}

/** What a pod's agent or operator that is not ready said when it ended; undefined where its log has nothing of the kind. */
export function lastWordsOf(
  cluster: ClusterSnapshot,
  pod: PodState,
  container: ContainerState,
): LastWords | undefined {
  const isAgent = container.name === "cilium-agent";
  const isJudged = isAgent || container.name === "cilium-operator";
  if (!isJudged || (container.ended?.code ?? 0) === 0) return undefined;
  const crash = known(cluster.crashes).find((c) => c.pod === pod.name)?.logged;
  const ofAgent = isAgent ? cluster.agents.find((a) => a.node === pod.node)?.logged : undefined;
  const last = (crash ?? known(ofAgent)).find((l) => l.kind === "fatal");
  if (last === undefined) return undefined;
  const text = last.text.slice(0, longest);
  if (isPanic(text)) return { text, next: afterPanic(cluster, text, { pod, container }) };
  const named = [
    ...settingsOfErrors.flatMap(([pattern, keys]) => (pattern.test(text) ? keys : [])),
    ...Array.from(text.matchAll(/--([a-z][a-z0-9-]{2,60})\b/g), ([, flag = ""]) => flag),
  ];
  const settings: Readonly<Record<string, string>> = cluster.config.ok ? cluster.config.value : {};
  const values = [...new Set(named)].map((key) => `${key} ${settings[key] || "not set"}`);
  return {
    text,
    next:
      values.length === 0
        ? undefined
        : `correct what it says in the Helm values (cilium-config has ${values.join(", ")})${isAgent ? `; then ${restartAgent(cluster, pod.node)}` : ""}`,
  };
}

const isPanic = (text: string): boolean => /^(?:panic|fatal error): /.test(text);

/** Whatever leads to it, a panic is a defect of the program. */
function afterPanic(
  cluster: ClusterSnapshot,
  text: string,
  { pod, container }: { readonly pod: PodState; readonly container: ContainerState },
): string {
  const value = switches.find(([path]) => text.includes(path))?.[1];
  const without = value === undefined ? [] : [`until then, do without: ${helmUpgrade(cluster, value)}`];
  const trace = kubectl(pod.namespace, "logs", `pod/${pod.name}`, "-c", container.name, "--previous");
  return [
    `a panic is a defect of Cilium ${versionOf(cluster) ?? "itself"}: upgrade to the newest patch release`,
    ...without,
    `its trace, to find it among the issues of Cilium: ${trace}`,
  ].join("; ");
}
