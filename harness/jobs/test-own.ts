import { givesAddresses } from "#harness/cilium/install/gives-addresses.ts";
import { ownCluster } from "#harness/cluster/external/own-cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { planLab } from "#harness/config/plan.ts";
import { faultNamed, faults } from "#harness/faults/index.ts";
import { getArtifacts } from "#harness/images/index.ts";
import { Kube, kinds } from "#harness/kube/kube.ts";
import { checkKubeconfig, namedKubeconfig } from "#harness/kube/kubeconfig.ts";
import { namespaceObject } from "#harness/kube/namespace.ts";
import { removeOurs } from "#harness/lab/remove-ours.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { atStep } from "#harness/lib/ending.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import { budgetsSchema, rigSchema } from "#harness/model/budgets.ts";
import type { LabPlan, PlannedCluster } from "#harness/model/lab-plan.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { forgetLab, readLabState, requireOwn, writeLabState } from "#harness/state/lab.ts";
import { hasLostLock, withLab } from "#harness/state/lock.ts";
import { chooseSuites, loadSuites } from "#harness/testkit/suite-list.ts";
import { awaitVantages, proberDaemonSet, systemNamespace } from "#harness/workloads/vantage.ts";
import type { Images } from "./certify/prepare.ts";
import { type TestOptions, testLab } from "./test.ts";
import { checkTestFiles } from "./test-files.ts";

export interface OwnOptions extends Omit<TestOptions, "lab"> {
  readonly contexts: readonly string[];
  readonly kubeconfig?: string;
  readonly images: Images;
  /** Where the clusters' nodes find the prober and the backends, if not under this machine's own names. */
  readonly proberImage?: string;
  readonly agnhostImage?: string;
  readonly progress: Progress;
}

/** The state of clusters that are nobody's lab, while they are tested. */
const lab = "own";

/**
 * The suites on clusters of one's own: rights are checked first, everything is in namespaces of ours, and they are gone at
 * the end; what a crash left is removed by the next call, and by `down --all`.
 */
export async function testOwn(options: OwnOptions): Promise<Awaited<ReturnType<typeof testLab>>> {
  const { contexts } = options;
  await checkOptions(options);
  const kubeconfig = namedKubeconfig(options.kubeconfig);
  checkKubeconfig(kubeconfig, contexts);
  const planned = await atStep("contexts", () =>
    Promise.all(contexts.map((c) => ownCluster(c, kubeconfig.path))),
  );
  checkApart(planned);
  return atStep("lock", () =>
    withLab(lab, options.signal, (signal) =>
      atStep("up", () => testUnderLock({ ...options, signal }, planned)),
    ),
  );
}

async function testUnderLock(
  options: OwnOptions,
  planned: readonly PlannedCluster[],
): ReturnType<typeof testOwn> {
  const { signal, progress } = options;
  const before = await readLabState(lab);
  if (before !== undefined) {
    requireOwn(before);
    await removeOurs(new Mesh(before));
  }
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
  const artifacts = await atStep("images", () => artifactsFor(options, planned));
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
    version: 2,
    lab,
    owner: currentOwner().id,
    phase: "up",
    runId: options.runId,
    createdAt: wallLabel(),
    plan,
    artifacts,
  };
  await writeLabState(state);
  const mesh = new Mesh(state);
  await using _ours = {
    [Symbol.asyncDispose]: () =>
      atStep("clean-up", async () => {
        // Whoever has the lock now removes it before they begin.
        if (hasLostLock(lab)) return;
        await progress.step("remove what was ours", async () => {
          await removeOurs(mesh);
          await forgetLab(lab);
        });
      }),
  };
  await probersUp(mesh, options);
  await writeLabState({
    ...state,
    plan: {
      ...plan,
      clusters: await progress.step("ask for a LoadBalancer address", () => withAddresses(mesh, signal)),
    },
  });
  return await testLab({ ...options, lab });
}

/** What can be refused before any cluster is asked. */
async function checkOptions(options: OwnOptions): Promise<void> {
  if (options.contexts.length < 2)
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
  const all = await loadSuites();
  const disruptive = all.filter((s) => s.info.tags.includes("disruptive"));
  const bold = options.suites.filter((name) => disruptive.some((s) => s.info.name === name));
  if (bold.length > 0)
    throw new MeshproofError(
      "usage",
      `${bold.join(" and ")} would change Cilium itself or its nodes: unsupported on clusters of your own`,
      { cure: "leave it out, or run it on a lab" },
    );
  chooseSuites(all, options.suites, { suites: [] });
  checkTestFiles(options);
}

function probersUp({ clusters, state }: Mesh, { progress, signal }: OwnOptions): Promise<unknown> {
  return progress.step("a prober on every node", () =>
    Promise.all(
      clusters.map(async ({ kube }) => {
        await kube.apply(namespaceObject(systemNamespace));
        await kube.apply(proberDaemonSet(systemNamespace, state.artifacts.proberImage));
        await awaitVantages(kube, { withinMs: state.plan.budgets.settleMs, signal });
      }),
    ),
  );
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
