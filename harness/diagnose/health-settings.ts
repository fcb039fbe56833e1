import { oncePer } from "#harness/lib/once-per.ts";
import type { AgentState, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { HealthReport } from "#harness/model/snapshot.ts";
import {
  type ClusterSettings,
  hasHealthEndpoint,
  healthPort,
  isHealthChecked,
} from "#harness/semantics/mesh-settings.ts";
import { nodeSettings, settingsOf } from "./node-settings.ts";
import { nameOf } from "./parts.ts";

/** What the agent of a node does for health checks, by its settings. */
interface HealthSettings {
  /** Whether it asks and answers at all. */
  readonly isOn: boolean;
  /** Whether it runs a health endpoint, which answers like a pod. */
  readonly hasEndpoint: boolean;
  /** Where it answers, and where it asks all others (`httpProbe`, pkg/health/server/prober.go@1.20.2). */
  readonly port: number;
}

const read = (of: ClusterSettings): HealthSettings => ({
  isOn: isHealthChecked(of),
  hasEndpoint: hasHealthEndpoint(of),
  port: healthPort(of),
});

/** By the nodes' names in Cilium, and by those of their clusters. */
const settingsByName = oncePer((mesh: MeshSnapshot): ReadonlyMap<string, HealthSettings> => {
  return new Map(
    mesh.clusters.flatMap((cluster) => {
      const stored = settingsOf(cluster);
      if (stored === undefined) return [];
      const own = nodeSettings(cluster).map(
        ({ node, running, expected }) => [`${nameOf(cluster)}/${node}`, read(running ?? expected)] as const,
      );
      return [[nameOf(cluster), read(stored)] as const, ...own];
    }),
  );
});

/** Of a node, by its name in Cilium; undefined where the settings of its cluster are not known. */
export function healthSettingsOf(mesh: MeshSnapshot, node: string): HealthSettings | undefined {
  const known = settingsByName(mesh);
  return known.get(node) ?? known.get(node.split("/")[0] ?? "");
}

/**
 * The TCP ports of health checks anywhere in the mesh: a rule on a node may stop what it answers, at its own port, or what
 * it asks, at the port of the asking node. A cluster whose settings are not known has the default.
 */
export const healthPortsOf = oncePer((mesh: MeshSnapshot): ReadonlySet<number> => {
  const known = [...settingsByName(mesh).values()];
  const isUnknown = mesh.clusters.some((c) => settingsOf(c) === undefined);
  return new Set([
    ...known.filter((s) => s.isOn).map((s) => s.port),
    ...(isUnknown ? [healthPort({ settings: {} })] : []),
  ]);
});

type HealthNode = HealthReport["nodes"][number];

/** Without what a node does not answer by its settings: the port that is asked, its endpoint, or anything at all. */
function judgedNode(mesh: MeshSnapshot, local: string, node: HealthNode): HealthNode[] {
  const [own, its] = [healthSettingsOf(mesh, local), healthSettingsOf(mesh, node.name)];
  if (node.name === local || its === undefined) return [node];
  if (!its.isOn) return [];
  const answersTcp = own === undefined || own.port === its.port;
  const at = (address: HealthNode["host"]): HealthNode["host"] => {
    const { ip, icmp } = address;
    return answersTcp ? address : { ip, ...(icmp === undefined ? {} : { icmp }) };
  };
  const { name, host, endpoint } = node;
  const isAsked = endpoint !== undefined && its.hasEndpoint;
  return [{ name, host: at(host), ...(isAsked ? { endpoint: at(endpoint) } : {}) }];
}

const judgedReports = oncePer(
  (mesh: MeshSnapshot): ReadonlyMap<AgentState, HealthReport> =>
    new Map(
      mesh.clusters
        .flatMap((c) => c.agents)
        .flatMap((agent) => {
          if (!agent.health.ok) return [];
          const { nodes, ...report } = agent.health.value;
          const judged = nodes.flatMap((node) => judgedNode(mesh, report.local, node));
          return [[agent, { ...report, nodes: judged }] as const];
        }),
    ),
);

/**
 * What an agent says of the nodes that are to answer it. A port that differs, and health checking that is off, say nothing
 * of a node: the one is a finding of its own, the other is what somebody wanted. Undefined where it was not read.
 */
export const healthReportOf = (mesh: MeshSnapshot, agent: AgentState): HealthReport | undefined =>
  judgedReports(mesh).get(agent);

/** A check that failed, and the name in Cilium of the node that asked. */
interface FailedCheck {
  readonly local: string;
  readonly status: string;
}

/**
 * The TCP ports that failed checks asked, for a sentence: those of their errors (`dial tcp 172.18.0.2:4240: i/o timeout`),
 * else those that the settings of the asking nodes say.
 */
export function portsAsked(mesh: MeshSnapshot, checks: readonly FailedCheck[]): string {
  const ports = checks.map(({ local, status }) => {
    const asked = /:(\d+)(?:\/hello|: )/.exec(status)?.[1];
    return Number(asked ?? healthSettingsOf(mesh, local)?.port ?? healthPort({ settings: {} }));
  });
  return [...new Set(ports)].toSorted((a, b) => a - b).join(" and ");
}
