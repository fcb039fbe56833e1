import { agentsOf } from "#harness/cilium/agent/agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { kubeletSettingsHere } from "#harness/cluster/kind/kubelet.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { untestedPair } from "#harness/config/pins.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { found } from "#harness/lib/found.ts";
import { meshproofVersion } from "#harness/lib/meshproof-version.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { commitOfCheckout } from "#harness/platform/commit.ts";
import { kernelRelease } from "#harness/platform/machine.ts";
import type { Shard } from "#harness/testkit/shard.ts";
import { shardRecord } from "./shard-record.ts";

/** The data of a run before its first test: the command, the lab, the versions. */
export type RunHead = Omit<RunRecord, "durationMs" | "suites" | "totals" | "exitCode">;

interface HeadOptions {
  readonly runId: string;
  readonly command: string;
  readonly lab: string;
  readonly fault?: string;
  readonly selection?: { readonly shard?: Shard };
  readonly signal: AbortSignal;
}

export async function runHead(mesh: Mesh, options: HeadOptions): Promise<RunHead> {
  const { state } = mesh;
  return {
    schema: 1,
    runId: options.runId,
    startedAt: wallLabel(),
    command: options.command,
    lab: options.lab,
    profile: state.plan.profile,
    ...(state.plan.labFile === undefined ? {} : { labFile: state.plan.labFile }),
    fault: options.fault ?? null,
    ...shardRecord(options.selection?.shard),
    kernel: kernelRelease(),
    meshproof: meshproofVersion,
    ...(await commitOfCheckout()),
    imageSource: state.artifacts.source,
    imageReason: state.artifacts.reason,
    clusters: await Promise.all(
      mesh.clusters.map(async (c) => {
        const own = found(state.artifacts.clusters[c.name], `artifacts of ${c.name}`);
        const [agent] = await agentsOf(c, options.signal);
        const cilium = agent === undefined ? own.ciliumVersion : await agent.version();
        const kubernetes = await c.kube.version();
        const { ciliumReason, tuning } = state.plan;
        const notes = [
          ...(await notesOf(c, cilium, kubernetes)),
          ...(tuning === "tuned" || c.kind === "external" ? [] : [untunedNote]),
          ...(ciliumReason === undefined ? [] : [`Cilium ${cilium}: ${ciliumReason}`]),
        ];
        return {
          ...(notes.length === 0 ? {} : { notes }),
          name: c.name,
          id: c.id,
          podCidr: c.podCidr,
          serviceCidr: c.serviceCidr,
          nodes: (await c.nodes()).map((n) => n.name),
          kubernetes,
          cilium,
          nodeImage: own.nodeImage,
          nodeImageId: own.nodeImageId,
        };
      }),
    ),
    provenance: state.artifacts.provenance,
    ...(state.meshing === undefined ? {} : { meshing: state.meshing }),
    budgets: state.plan.budgets,
  };
}

const untunedNote = "untuned: the defaults of Kubernetes and of Cilium's chart";

/** What sets a cluster apart from one that upstream tests. */
async function notesOf(cluster: Cluster, cilium: string, reported: string): Promise<string[]> {
  const kubernetes = reported.replace(/^v/, "");
  const kubelet = cluster.kind === "kind" ? await kubeletSettingsHere(kubernetes) : undefined;
  return [untestedPair(cilium, kubernetes), kubelet?.note].filter((note) => note !== undefined);
}
