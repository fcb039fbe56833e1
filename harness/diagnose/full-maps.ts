import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, Logged, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { collectedMsOf } from "#harness/semantics/apart.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";
import { agents, helmUpgrade, restart } from "./repairs.ts";

const nodesShown = 3;

/** What a map holds, and the settings that size it. */
interface MapKind {
  readonly name: RegExp;
  readonly holds: string;
  /** The key of cilium-config, its Helm value and its default; absent where the size is fixed. */
  readonly setting?: readonly [key: string, value: string, byDefault: number];
}

/** pkg/loadbalancer/config.go, pkg/option/config.go and the chart's cilium-configmap.yaml, all @1.20.2. */
const kinds: readonly MapKind[] = [
  {
    name: /^cilium_lb/,
    holds: "services or backends that came later are missing in it",
    setting: ["bpf-lb-map-max", "bpf.lbMapMax", 65_536],
  },
  {
    name: /^cilium_policy/,
    holds: "rules of policies are missing in it, so allowed packets are dropped",
    setting: ["bpf-policy-map-max", "bpf.policyMapMax", 16_384],
  },
  { name: /^cilium_ipcache/, holds: "addresses of pods and nodes that came later are missing in it" },
];

/** While it lasts, every attempt to write is logged, and the pauses between attempts grow. */
const recentMs = 5 * 60_000;

interface Full {
  readonly node: string;
  readonly line: Logged;
  /** Whether it was so when the evidence was collected, as far as that is known. */
  readonly isNow: boolean;
}

/** Maps that the agents of a cluster say are full, by name. Several layers ask. */
export const fullMapsOf = oncePer((cluster: ClusterSnapshot): ReadonlyMap<string, readonly Full[]> => {
  const nowMs = collectedMsOf(cluster);
  const full = cluster.agents.flatMap(({ node, logged }): Full[] =>
    known(logged)
      .filter((l) => l.kind === "map-full")
      .map((line) => ({
        ...{ node, line },
        isNow: nowMs !== undefined && line.atMs !== undefined && nowMs - line.atMs <= recentMs,
      })),
  );
  return Map.groupBy(full, ({ line }) => mapName(line.name));
});

/** Each endpoint has a policy map of its own. */
const mapName = (name: string): string => name.replace(/^(cilium_policy\w*?)_\d+$/, "$1");

/** BPF maps that take no more entries: what is missing in them is an effect, and no restart helps (cilium#28726). */
export function fullMaps(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    [...fullMapsOf(cluster)].map(([map, all]) => findingFor(cluster, map, all)),
  );
}

function findingFor(cluster: ClusterSnapshot, map: string, all: readonly Full[]): Finding {
  const name = nameOf(cluster);
  const kind = kinds.find((k) => k.name.test(map));
  const nodes = [...new Set(all.map((f) => f.node))];
  const size = kind?.setting === undefined ? undefined : sizeOf(cluster, kind.setting);
  const isNow = all.some((f) => f.isNow);
  return findingOf("bpf-map-full", {
    severity: isNow ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `BPF map ${map} of ${name}`,
    message: `the BPF map ${map} of ${shortList(nodes, nodesShown)} of ${name} ${isNow ? "is" : "was"} full${size === undefined ? "" : ` (${kind?.setting?.[0]} ${size})`}: ${kind?.holds ?? "what came later is missing in it"}: ${all.at(-1)?.line.text ?? ""}`,
    next: remedy(cluster, kind, size),
  });
}

const sizeOf = ({ config }: ClusterSnapshot, [key, , byDefault]: readonly [string, string, number]): number =>
  Number((config.ok ? config.value[key] : undefined) ?? byDefault);

/** Not less than the default, and with room. */
function remedy(cluster: ClusterSnapshot, kind: MapKind | undefined, size: number | undefined): string {
  if (kind?.setting === undefined || size === undefined)
    return "find what fills it, and make it less: its size is fixed; to restart the agents does not help";
  const [, value, byDefault] = kind.setting;
  // A policy map's limit (`PolicyMapMax`, pkg/option/config.go@1.20.2).
  const most = value === "bpf.policyMapMax" ? 65_536 : Number.POSITIVE_INFINITY;
  const next = Math.min(Math.max(byDefault, size * 2), most);
  return next <= size
    ? "find what fills it, and make it less: it has the largest size already"
    : `raise its size: ${helmUpgrade(cluster, `${value}=${next}`)}; ${restart(cluster, agents)}; a restart alone does not help`;
}
