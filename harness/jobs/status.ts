import { type Agent, agentsOf } from "#harness/cilium/agent/agent.ts";
import { clusterOf } from "#harness/cluster/cluster.ts";
import { messageOf } from "#harness/lib/errors.ts";
import type { CiliumCliArtifact } from "#harness/model/artifacts.ts";
import type { Tuning } from "#harness/model/tuning.ts";
import { certificationOf } from "#harness/state/certification-journal.ts";
import { requireLab } from "#harness/state/lab.ts";

export interface LabStatus {
  readonly lab: string;
  readonly imageSource: string;
  readonly tuning: Tuning;
  /** Time of the calibration task when the lab was created; labs of earlier versions have none. */
  readonly calibrationMs?: number;
  /** With profile cli: the Cilium CLI of this lab, or why it has none. */
  readonly ciliumCli?: CiliumCliArtifact;
  /** The phase in which a certification is, or was interrupted. */
  readonly certification?: string;
  readonly mesh: { readonly profile: string; readonly serviceType: string; readonly connected: boolean };
  readonly clusters: readonly {
    readonly name: string;
    readonly id: number;
    readonly context: string;
    readonly kubeconfig: string;
    readonly podCidr: string;
    readonly serviceCidr: string;
    readonly nodes: readonly {
      readonly name: string;
      readonly role: string;
      readonly address: string;
      readonly running: boolean;
    }[];
    readonly versions: { readonly kubernetes: string; readonly cilium: string };
    /** Each agent's status of each remote cluster: evidence, not a verdict. */
    readonly remotes: readonly {
      readonly agent: string;
      readonly cluster: string;
      readonly ready: boolean;
      readonly status: string;
    }[];
  }[];
}

async function remotesOf(agent: Agent): Promise<LabStatus["clusters"][number]["remotes"]> {
  try {
    return (await agent.remoteClusters()).map((r) => ({
      agent: agent.name,
      cluster: r.name,
      ready: r.ready,
      status: r.status,
    }));
  } catch (error) {
    return [{ agent: agent.name, cluster: "any", ready: false, status: messageOf(error) }];
  }
}

export async function labStatus(lab: string, signal: AbortSignal): Promise<LabStatus> {
  const state = await requireLab(lab);
  const certification = await certificationOf(lab);
  const clusters = await Promise.all(
    state.plan.clusters.map(async (planned) => {
      const cluster = clusterOf(state, planned.name);
      // The rest of a partial lab, as after a kill, is still reported.
      const agents = await agentsOf(cluster, signal).catch(() => []);
      const remotes = await Promise.all(agents.map(remotesOf));
      return {
        name: cluster.name,
        id: cluster.id,
        context: cluster.context,
        kubeconfig: cluster.kubeconfig,
        podCidr: cluster.podCidr,
        serviceCidr: cluster.serviceCidr,
        nodes: (await cluster.nodes()).map(({ name, role, address, running }) => ({
          name,
          role,
          address,
          running,
        })),
        versions: {
          kubernetes: await cluster.kube.version().catch(() => "unknown"),
          cilium: (await agents[0]?.version().catch(() => undefined)) ?? "unknown",
        },
        remotes: remotes.flat(),
      };
    }),
  );
  const remotes = clusters.flatMap((c) => c.remotes);
  return {
    lab,
    imageSource: state.artifacts.source,
    tuning: state.plan.tuning,
    ...(state.calibration === undefined ? {} : { calibrationMs: state.calibration.medianMs }),
    ...(state.artifacts.ciliumCli === undefined ? {} : { ciliumCli: state.artifacts.ciliumCli }),
    ...(certification === undefined ? {} : { certification }),
    mesh: {
      profile: state.plan.profile,
      serviceType: state.plan.serviceType,
      connected: remotes.length > 0 && remotes.every((r) => r.ready),
    },
    clusters,
  };
}
