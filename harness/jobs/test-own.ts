import { givesAddresses } from "#harness/cilium/install/gives-addresses.ts";
import { ownCluster } from "#harness/cluster/external/own-cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { planLab } from "#harness/config/plan.ts";
import { faultNamed, faults } from "#harness/faults/index.ts";
import { getArtifacts } from "#harness/images/index.ts";
import { Kube, kinds } from "#harness/kube/kube.ts";
import { namespaceObject } from "#harness/kube/namespace.ts";
import { removeOurs } from "#harness/lab/remove-ours.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import { budgetsSchema, rigSchema } from "#harness/model/budgets.ts";
import type { LabPlan, PlannedCluster } from "#harness/model/lab-plan.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { forgetLab, lockLab, readLabState, writeLabState } from "#harness/state/lab.ts";
import { awaitVantages, proberDaemonSet, systemNamespace } from "#harness/workloads/vantage.ts";
import type { Images } from "./certify/prepare.ts";
import { type TestOptions, testLab } from "./test.ts";

export interface OwnOptions extends Omit<TestOptions, "lab"> {
  readonly contexts: readonly string[];
  readonly kubeconfig?: string;
  readonly images: Images;
  /** Where the clusters' nodes find the prober and the backends, if not under this machine's own names. */
  readonly proberImage?: string;
  readonly agnhostImage?: string;
  readonly progress: Progress;
}

/** Suites that strike at more than objects of their own. */
const disturbing: readonly string[] = [
  "restart-order",
  "certificate-rotation",
  "apiserver-replicas",
  "cache-ttl",
  "failover-backends",
  "failover-delays",
  "failover-mesh",
];

/** The state of clusters that are nobody's lab, while they are tested. */
const lab = "own";

/**
 * The suites on clusters of one's own: rights are checked first, everything is in namespaces of ours, and they are gone at
 * the end; what a crash left is removed by the next call, and by `down --all`.
 */
export async function testOwn(options: OwnOptions): Promise<Awaited<ReturnType<typeof testLab>>> {
  const { contexts, kubeconfig, signal, progress } = options;
  if (contexts.length < 2)
    throw new MeshproofError("usage", "a mesh needs two clusters: give --context twice or more");
  if (options.fault !== undefined && faultNamed(options.fault).needsNamespace !== true)
    throw new MeshproofError(
      "usage",
      `${options.fault} would touch more than the suites' own namespaces: unsupported on clusters of your own`,
      {
        cure: `choose one of ${faults
          .filter((f) => f.needsNamespace === true)
          .map((f) => f.name)
          .join(", ")}`,
      },
    );
  const bold = options.suites.filter((s) => disturbing.includes(s));
  if (bold.length > 0)
    throw new MeshproofError(
      "usage",
      `${bold.join(" and ")} would change Cilium itself or its nodes: unsupported on clusters of your own`,
      { cure: "leave it out, or run it on a lab" },
    );
  const planned = await Promise.all(contexts.map((c) => ownCluster(c, kubeconfig)));
  checkApart(planned);
  await using _lock = await lockLab(lab);
  const before = await readLabState(lab);
  if (before !== undefined) await removeOurs(new Mesh(before));
  const plan: LabPlan = {
    lab,
    profile: "default",
    clusters: planned,
    serviceType: "LoadBalancer",
    networks: "shared",
    suites: [],
    budgets: budgetsSchema.parse(undefined),
    rig: rigSchema.parse(undefined),
  };
  const artifacts = await artifactsFor(options, planned);
  for (const { own } of planned)
    if (
      (await new Kube(own!.context, own!.kubeconfig, own!.context).get(
        kinds.namespace,
        undefined,
        systemNamespace,
      )) !== undefined
    )
      throw new MeshproofError(
        "config-conflict",
        `context ${own!.context} has a namespace ${systemNamespace} already, which is not of this test`,
        { cure: "a lab of Meshproof's own is tested with --lab; else remove the namespace" },
      );
  const state: LabState = {
    version: 1,
    lab,
    phase: "up",
    runId: options.runId,
    createdAt: wallLabel(),
    plan,
    artifacts,
  };
  await writeLabState(state);
  const mesh = new Mesh(state);
  try {
    await progress.step("a prober on every node", () =>
      Promise.all(
        mesh.clusters.map(async ({ kube }) => {
          await kube.apply(namespaceObject(systemNamespace));
          await kube.apply(proberDaemonSet(systemNamespace, artifacts.proberImage));
          await awaitVantages(kube, { withinMs: plan.budgets.settleMs, signal });
        }),
      ),
    );
    await writeLabState({
      ...state,
      plan: {
        ...plan,
        clusters: await progress.step("ask for a LoadBalancer address", () => withAddresses(mesh, signal)),
      },
    });
    return await testLab({ ...options, lab });
  } finally {
    await progress.step("remove what was ours", async () => {
      await removeOurs(mesh);
      await forgetLab(lab);
    });
  }
}

/** The clusters of a plan, with what became of a LoadBalancer service in each. */
function withAddresses({ clusters, state }: Mesh, signal: AbortSignal): Promise<PlannedCluster[]> {
  const { plan } = state;
  const waiting = { withinMs: plan.budgets.settleMs, signal };
  return Promise.all(
    plan.clusters.map(async (planned, i) => ({
      ...planned,
      own: { ...planned.own!, givesAddresses: await givesAddresses(clusters[i]!, systemNamespace, waiting) },
    })),
  );
}

function checkApart(planned: readonly PlannedCluster[]): void {
  for (const [i, a] of planned.entries())
    for (const b of planned.slice(i + 1))
      if (a.name === b.name || a.id === b.id)
        throw new MeshproofError(
          "config-conflict",
          `contexts ${a.own!.context} and ${b.own!.context} are both of cluster ${a.name} with id ${a.id}`,
          { cure: "name the contexts of two clusters of one mesh" },
        );
}

/**
 * The images that the clusters are asked to run, as a lab of ours has them: nothing of the clusters' own versions, which
 * may be a vendor's and are published nowhere.
 */
async function artifactsFor(options: OwnOptions, planned: readonly PlannedCluster[]): Promise<Artifacts> {
  const [ours] = (await planLab({ lab: "default" })).clusters;
  const artifacts = await getArtifacts({
    clusters: new Map(planned.map((c) => [c.name, { kubernetes: ours!.kubernetes, cilium: ours!.cilium }])),
    progress: options.progress,
    signal: options.signal,
    ...options.images,
  });
  const { proberImage, agnhostImage } = options;
  return {
    ...artifacts,
    clusters: Object.fromEntries(
      planned.map((c) => [
        c.name,
        {
          ...artifacts.clusters[c.name]!,
          versions: { kubernetes: c.kubernetes, cilium: c.cilium },
          ciliumVersion: c.cilium,
        },
      ]),
    ),
    ...(proberImage === undefined ? {} : { proberImage, nginxImage: proberImage }),
    ...(agnhostImage === undefined ? {} : { agnhostImage }),
  };
}
