import type { ClusterSnapshot, ContainerState, PodState } from "#harness/model/mesh-snapshot.ts";
import { known } from "./parts.ts";
import { restartAgent } from "./repairs.ts";

const longest = 300;

/** Settings that an error is about without naming their flags. */
const settingsOfErrors: readonly (readonly [RegExp, readonly string[]])[] = [
  // `ErrorDirectRoutingDevice`, and what selects the devices among which it is looked for.
  [/direct routing device|detect devices|no native device/i, ["devices", "direct-routing-device"]],
];

/** Why an agent ended, and what to correct if that names settings. */
interface LastWords {
  readonly text: string;
  readonly next: string | undefined;
}

/** What the agent in a pod that is not ready said when it ended; undefined where its log has nothing of the kind. */
export function lastWordsOf(
  cluster: ClusterSnapshot,
  pod: PodState,
  container: ContainerState,
): LastWords | undefined {
  if (container.name !== "cilium-agent" || (container.ended?.code ?? 0) === 0) return undefined;
  const crash = known(cluster.crashes).find((c) => c.pod === pod.name)?.logged;
  const logged = crash ?? known(cluster.agents.find((a) => a.node === pod.node)?.logged);
  const last = logged.find((l) => l.kind === "fatal");
  if (last === undefined) return undefined;
  const text = last.text.slice(0, longest);
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
        : `correct what it says in the Helm values (cilium-config has ${values.join(", ")}); then ${restartAgent(cluster, pod.node)}`,
  };
}
