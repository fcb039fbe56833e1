import { assignsLoadBalancerIPs } from "#harness/cilium/install/assigns-load-balancer-ips.ts";
import { capabilitiesOf } from "#harness/cluster/capabilities.ts";
import { discoverCluster } from "#harness/cluster/external/discover-cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { isKindPlan, planLab } from "#harness/config/plan.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { faultNamed, faults } from "#harness/faults/index.ts";
import { lacked, type Need, needsOf } from "#harness/faults/needs.ts";
import { getArtifacts } from "#harness/images/index.ts";
import { Kube, kinds } from "#harness/kube/kube.ts";
import { checkKubeconfig, namedKubeconfig } from "#harness/kube/kubeconfig.ts";
import { namespaceObject } from "#harness/kube/namespace.ts";
import { removeManaged } from "#harness/lab/remove-managed.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { atStep } from "#harness/lib/ending.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import { budgetsSchema, rigSchema } from "#harness/model/budgets.ts";
import type { LabPlan, PlannedExternalCluster } from "#harness/model/lab-plan.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { forgetLab, readLabState, requireOwn, writeLabState } from "#harness/state/lab.ts";
import { hasLostLock, withLab } from "#harness/state/lock.ts";
import { chooseSuites, type ListedSuite, loadAllSuites } from "#harness/testkit/suite-list.ts";
import { awaitVantages, proberDaemonSet, systemNamespace } from "#harness/workloads/vantage.ts";
import type { Images } from "./certify/prepare.ts";
import { knownDefects } from "./final-verdict.ts";
import { earlierRun, selectFor, type TestOptions, testLab } from "./test.ts";
import { checkTestFiles } from "./test-files.ts";

export interface ExternalOptions extends Omit<TestOptions, "lab" | "again"> {
  readonly contexts: readonly string[];
  readonly kubeconfig?: string;
  readonly images: Images;
  /** References of the prober's and the backends' images for the clusters' nodes, if not the local names. */
  readonly proberImage?: string;
  readonly agnhostImage?: string;
  /** The options that name these clusters and their images. */
  readonly clusterWords: readonly string[];
  readonly progress: Progress;
}

/** Name of the pseudo-lab that holds the clusters' state during a test. */
const lab = "external";
/** Its name in earlier versions. */
const earlierLab = "own";
const profile = "default";

/** The clusters of an external test, in the order of their contexts. */
interface ExternalPlan extends LabPlan {
  readonly clusters: readonly PlannedExternalCluster[];
}

/**
 * Runs suites on external clusters: checks permissions first, creates objects only in its own namespaces, and removes
 * them at the end; the next call and `down --all` remove leftovers of a crash. Throws `usage` for suites and faults
 * that the clusters do not allow.
 */
export async function testExternal(options: ExternalOptions): Promise<Awaited<ReturnType<typeof testLab>>> {
  const { contexts } = options;
  const fault = options.fault === undefined ? undefined : faultNamed(options.fault);
  await checkOptions(options, fault);
  const kubeconfig = namedKubeconfig(options.kubeconfig);
  checkKubeconfig(kubeconfig, contexts);
  const planned = await atStep("contexts", () =>
    Promise.all(contexts.map((c) => discoverCluster(c, kubeconfig.path))),
  );
  checkApart(planned);
  if (fault !== undefined) checkFault(fault, planned);
  await checkSelection(options, planned);
  return atStep("lock", () =>
    withLab(lab, options.signal, (signal) =>
      atStep("up", () => testUnderLock({ ...options, signal }, planned)),
    ),
  );
}

/** Throws `usage` for a fault with needs that these external clusters do not meet; the remedy lists possible faults. */
export function checkFault(fault: Fault, planned: readonly PlannedExternalCluster[]): void {
  const mesh = { clusters: planned.map((p) => ({ capabilities: capabilitiesOf(p, profile) })) };
  const missing = lacked(fault, mesh);
  if (missing === undefined) return;
  refuseFault(
    fault,
    missing,
    faults.filter((f) => lacked(f, mesh) === undefined),
  );
}

/** Removes leftovers of an earlier test from its clusters. Throws `config-conflict` for a lab of that name. */
async function removeEarlier(): Promise<void> {
  for (const name of [lab, earlierLab]) {
    const before = await readLabState(name);
    if (before === undefined) continue;
    if (isKindPlan(before.plan)) {
      if (name === earlierLab) continue;
      throw new MeshproofError("config-conflict", `lab ${name} has the name reserved for external clusters`, {
        remedy: `run \`${meshCommand("down", "--lab", name)}\`, and recreate that lab under another name`,
      });
    }
    requireOwn(before);
    await removeManaged(new Mesh(before));
    if (name === earlierLab) await forgetLab(name);
  }
}

async function testUnderLock(
  options: ExternalOptions,
  planned: readonly PlannedExternalCluster[],
): ReturnType<typeof testExternal> {
  const { signal, progress } = options;
  await removeEarlier();
  const plan: ExternalPlan = {
    lab,
    profile,
    // Meshproof changes nothing of them.
    tuning: "untuned",
    clusters: planned,
    serviceType: "LoadBalancer",
    networks: "shared",
    suites: [],
    budgets: budgetsSchema.parse(undefined),
    rig: rigSchema.parse(undefined),
  };
  const artifacts = await atStep("images", () => artifactsFor(options, planned));
  for (const cluster of planned) await requireNoSystemNamespace(cluster);
  const state: LabState = {
    version: 3,
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
  await using _created = {
    [Symbol.asyncDispose]: () =>
      atStep("clean-up", async () => {
        // Another command that has the lock now removes it before it begins.
        if (hasLostLock(lab)) return;
        await progress.step("remove Meshproof's objects from the external clusters", async () => {
          await removeManaged(mesh);
          await forgetLab(lab);
        });
      }),
  };
  await probersUp(mesh, options);
  await writeLabState({
    ...state,
    plan: {
      ...plan,
      clusters: await progress.step("check for LoadBalancer addresses", () =>
        withAddresses(plan, mesh, signal),
      ),
    },
  });
  return await testLab({
    ...options,
    lab,
    again: { command: "test", options: options.clusterWords },
  });
}

/** Checks that need no contact with a cluster. */
async function checkOptions(options: ExternalOptions, fault: Fault | undefined): Promise<void> {
  if (options.contexts.length < 2)
    throw new MeshproofError("usage", "a mesh needs two clusters: give --context at least twice");
  if (fault !== undefined && changesClusters(fault))
    refuseFault(
      fault,
      created,
      faults.filter((f) => !changesClusters(f)),
    );
  const all = await loadAllSuites(options.suitesDir);
  refuseDisruptive(chooseSuites(all, options.suites, { suites: [] }), "omit it, or run it on a lab");
  checkTestFiles(options);
}

/** Throws `usage` for what is selected by a tag or a pattern, and for `--accept`: their meaning depends on the clusters. */
async function checkSelection(
  options: ExternalOptions,
  planned: readonly PlannedExternalCluster[],
): Promise<void> {
  const all = await loadAllSuites(options.suitesDir);
  const plan = { suites: [], clusters: [...planned] };
  const { suites } = selectFor(options, all, plan, await earlierRun({ ...options, lab }));
  const without = suites.filter(isDisruptive).map((s) => `--exclude ${s.info.name}`);
  refuseDisruptive(suites, `add ${without.join(" ")}, or run them on a lab`);
  await knownDefects(options, all, plan);
}

const isDisruptive = ({ info }: ListedSuite): boolean => info.tags.includes("disruptive");

function refuseDisruptive(suites: readonly ListedSuite[], remedy: string): void {
  const refused = suites.filter(isDisruptive).map((s) => s.info.name);
  if (refused.length > 0)
    throw new MeshproofError(
      "usage",
      `${refused.join(" and ")} would change Cilium itself or its nodes: unsupported on external clusters`,
      { remedy },
    );
}

const created: Need = "clusters created by Meshproof";
const changesClusters = (fault: Fault): boolean => needsOf(fault).includes(created);

function refuseFault({ name }: Fault, missing: Need, possible: readonly Fault[]): never {
  throw new MeshproofError("usage", `fault ${name} needs ${missing}: unsupported on these clusters`, {
    remedy: `choose one of ${possible.map((f) => f.name).join(", ")}`,
  });
}

function probersUp({ clusters, state }: Mesh, { progress, signal }: ExternalOptions): Promise<unknown> {
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

async function requireNoSystemNamespace({ context, kubeconfig }: PlannedExternalCluster): Promise<void> {
  const kube = new Kube(context, kubeconfig, context);
  if ((await kube.get(kinds.namespace, undefined, systemNamespace)) !== undefined)
    throw new MeshproofError(
      "config-conflict",
      `context ${context} has a namespace ${systemNamespace} already, which this test did not create`,
      { remedy: "use --lab to test a Meshproof lab; otherwise remove the namespace" },
    );
}

/** The clusters of a plan, with whether each assigns LoadBalancer addresses. */
function withAddresses(
  plan: ExternalPlan,
  mesh: Mesh,
  signal: AbortSignal,
): Promise<PlannedExternalCluster[]> {
  const waiting = { withinMs: plan.budgets.settleMs, signal };
  return Promise.all(
    plan.clusters.map(async (planned) => ({
      ...planned,
      assignsLoadBalancerIPs: await assignsLoadBalancerIPs(
        mesh.cluster(planned.name),
        systemNamespace,
        waiting,
      ),
    })),
  );
}

function checkApart(planned: readonly PlannedExternalCluster[]): void {
  for (const [i, a] of planned.entries())
    for (const b of planned.slice(i + 1))
      if (a.name === b.name || a.id === b.id)
        throw new MeshproofError(
          "config-conflict",
          `contexts ${a.context} and ${b.context} both point to cluster ${a.name} with id ${a.id}`,
          { remedy: "name the contexts of two clusters of one mesh" },
        );
}

/**
 * The images to run in the clusters, the same as in a default lab: independent of the clusters' versions, which may be
 * a vendor's unpublished ones.
 */
async function artifactsFor(
  options: ExternalOptions,
  planned: readonly PlannedExternalCluster[],
): Promise<Artifacts> {
  const reference = found((await planLab({ lab: "default" })).clusters[0], "cluster in the default lab");
  const artifacts = await getArtifacts({
    clusters: new Map(
      planned.map((c) => [c.name, { kubernetes: reference.kubernetes, cilium: reference.cilium }]),
    ),
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
          ...found(artifacts.clusters[c.name], `artifact of cluster ${c.name}`),
          versions: { kubernetes: c.kubernetes, cilium: c.cilium },
          ciliumVersion: c.cilium,
        },
      ]),
    ),
    ...(proberImage === undefined ? {} : { proberImage, nginxImage: proberImage }),
    ...(agnhostImage === undefined ? {} : { agnhostImage }),
  };
}
