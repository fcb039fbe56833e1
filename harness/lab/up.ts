import { isDeepStrictEqual } from "node:util";
import { clusterOf } from "#harness/cluster/cluster.ts";
import { createKindCluster, importArchives, useMirror } from "#harness/cluster/kind/create-cluster.ts";
import { kindNodes } from "#harness/cluster/kind/kind-node.ts";
import { clusterNetwork, createNetworks, networksOf, routeBetween } from "#harness/cluster/kind/networks.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { checkPorts } from "#harness/config/plan.ts";
import { getArtifacts } from "#harness/images/index.ts";
import { monotonicMs, wallLabel } from "#harness/lib/clock.ts";
import { atStep } from "#harness/lib/ending.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { Artifacts, ImageSource } from "#harness/model/artifacts.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { calibrate } from "#harness/platform/calibration.ts";
import { networkGateway } from "#harness/platform/docker.ts";
import { listDocker } from "#harness/platform/docker-listing.ts";
import { thisProcess } from "#harness/platform/machine.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { reportInterrupted } from "#harness/state/certification-journal.ts";
import { inTheWay } from "#harness/state/inventory.ts";
import { foreignLab, readLabState, requireOwn, writeLabState } from "#harness/state/lab.ts";
import { hasLostLock, withLab } from "#harness/state/lock.ts";
import { killOrphans, markChildren } from "#harness/state/processes.ts";
import { reapLab } from "#harness/state/reap.ts";
import { installMesh, type MeshTimes } from "./install.ts";
import { healLeftovers, removeLeftovers } from "./open-lab.ts";
import { isDisposable, takeOver } from "./other-labs.ts";

export interface UpOptions {
  readonly plan: KindLabPlan;
  readonly runId: string;
  readonly images: {
    readonly source: ImageSource | "auto";
    readonly archive?: string;
    readonly registryMirror?: string;
  };
  /** Keep a partial lab after a failure or Ctrl-C: the next `up` repairs or rebuilds it. */
  readonly keep?: boolean;
  /** The caller removes the lab at its end, unless another command has kept it. */
  readonly transient?: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface UpResult {
  readonly state: LabState;
  /** What `up` did, depending on what it found: nothing, a whole lab, or a partial one. */
  readonly did: "created" | "already up" | "repaired" | "rebuilt";
  readonly times?: MeshTimes & { readonly kindMs: number; readonly totalMs: number };
}

/**
 * Brings a lab up. A running lab is left alone; a partial lab is repaired if all its nodes exist, otherwise rebuilt. So
 * is a lab with other settings that a killed command was to remove.
 */
export async function up(options: UpOptions): Promise<UpResult> {
  return withLab(options.plan.lab, options.signal, (signal) => upUnderLock({ ...options, signal }));
}

async function upUnderLock(options: UpOptions): Promise<UpResult> {
  const { lab } = options.plan;
  markChildren(lab);
  await killOrphans({ lab, owner: currentOwner().id });
  const touched = { yet: false };
  try {
    return await bringUp(options, touched);
  } catch (error) {
    // Removes what this call created or changed, under the same lock; the rest is left alone. Another command that has
    // the lock now may be recreating the lab.
    if (touched.yet && options.keep !== true && !hasLostLock(lab)) {
      try {
        await options.progress.step(`remove lab ${lab}`, () => reapLab(lab, AbortSignal.timeout(300_000)));
      } catch (cleanUp) {
        // Keep the original error too.
        throw new SuppressedError(cleanUp, error, "clean-up failed too");
      }
    }
    throw error;
  }
}

async function bringUp(options: UpOptions, touched: { yet: boolean }): Promise<UpResult> {
  const { plan, progress, signal } = options;
  const before = await readLabState(plan.lab);
  if (before !== undefined) requireOwn(before);
  await requireFreeNames(plan);
  await reportInterrupted(plan.lab, (line) => progress.note(line));
  // Heal before judging: a node frozen by a killed command is no reason to rebuild.
  if (before?.phase === "up") await healLeftovers(new Mesh(before), (line) => progress.note(line));
  const found = before === undefined ? "nothing" : await judge(before, plan);
  if (before !== undefined && found === "whole") {
    await removeLeftovers(new Mesh(before), (line) => progress.note(line));
    progress.note(`lab ${plan.lab} is up already`);
    return { state: await takeOver(before, options.transient !== true), did: "already up" };
  }
  if (found === "nothing") await checkPorts(plan);
  const artifacts = await atStep("images", () =>
    getArtifacts({
      clusters: new Map(plan.clusters.map((c) => [c.name, { kubernetes: c.kubernetes, cilium: c.cilium }])),
      withCiliumCli: plan.profile === "cli",
      progress,
      signal,
      ...options.images,
    }),
  );
  touched.yet = true;
  const did = found === "nothing" ? "created" : found === "repairable" ? "repaired" : "rebuilt";
  if (did !== "created")
    progress.note(
      `lab ${plan.lab} does not match the requested configuration (phase ${before?.phase}); ${did} it`,
    );
  if (did === "rebuilt") {
    await progress.step("remove the rest of the lab", () => reapLab(plan.lab, signal));
    await checkPorts(plan);
  }
  const startedMs = monotonicMs();
  const theirs = found !== "nothing" && before?.phase !== "removing" && before?.remover === undefined;
  const remover = options.transient === true && !theirs ? await thisProcess() : undefined;
  const state = (phase: LabState["phase"]): LabState => ({
    version: 3,
    lab: plan.lab,
    owner: currentOwner().id,
    phase,
    runId: options.runId,
    createdAt: wallLabel(),
    ...(remover === undefined ? {} : { remover }),
    plan,
    artifacts,
  });
  if (did !== "repaired") {
    // Leftovers without a state file: containers of a killed creation.
    if (did === "created") await reapLab(plan.lab, signal);
    await writeLabState(state("creating"));
    await createClusters(plan, artifacts, progress, signal);
  }
  const kindMs = monotonicMs() - startedMs;
  await writeLabState(state("meshing"));
  const clusters = plan.clusters.map((c) => clusterOf(state("meshing"), c.name));
  // Also for a repair: a partial lab may lack them.
  await routeBetween(plan, artifacts.proberImage, signal);
  const times = await installMesh({ plan, artifacts, clusters, progress, signal });
  const { meshing, ...meshTimes } = times;
  const calibration = await progress.step("time a fixed task on this machine", () => calibrate(), {
    expectMs: 3000,
  });
  const whole: LabState = {
    ...state("up"),
    ...(meshing === undefined ? {} : { meshing }),
    calibration,
  };
  await writeLabState(whole);
  return { state: whole, did, times: { ...meshTimes, kindMs, totalMs: monotonicMs() - startedMs } };
}

/** Throws `lab-foreign` if containers or networks of others have the names that this lab needs. */
async function requireFreeNames(plan: KindLabPlan): Promise<void> {
  const [first, ...others] = inTheWay(await listDocker(), currentOwner(), {
    lab: plan.lab,
    clusters: plan.clusters.map((c) => c.name),
    networks: networksOf(plan),
  });
  if (first === undefined) return;
  const names = [first, ...others].map(({ what }) => what).join(", ");
  if (first.key !== undefined) throw foreignLab(first.key, `${names} exist already: `);
  throw new MeshproofError(
    "lab-foreign",
    `names that lab ${plan.lab} needs are in use by objects that are not Meshproof's: ${names}`,
    {
      remedy: "choose another --lab, or remove them if they are unused",
    },
  );
}

async function createClusters(
  plan: KindLabPlan,
  artifacts: Artifacts,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  await createNetworks(plan);
  await progress.step(
    `create ${plan.clusters.length} kind clusters at once`,
    async (step) => {
      const results = await Promise.allSettled(
        plan.clusters.map(async (cluster) => {
          const own = found(artifacts.clusters[cluster.name], `cluster ${cluster.name} in the artifacts`);
          const network = clusterNetwork(plan, cluster.name);
          const onLine = (line: string) => step.detail(`${cluster.name}: ${line.trim()}`);
          await createKindCluster(plan, cluster, own, {
            kind: artifacts.tools.kind,
            network,
            onLine,
            signal,
          });
          const nodes = await kindNodes(plan.lab, cluster.name);
          if (own.mirror !== undefined)
            await useMirror(nodes, own.mirror, await networkGateway(network), signal);
          await importArchives(nodes, own.importArchives, signal);
        }),
      );
      const failure = results.find((r) => r.status === "rejected");
      if (failure !== undefined) throw failure.reason;
    },
    { expectMs: 45_000 },
  );
}

/** Whether the lab is up, whole and matches the requested configuration, so that nothing will be created. */
export async function isUp(plan: KindLabPlan): Promise<boolean> {
  const state = await readLabState(plan.lab);
  return state?.phase === "up" && (await judge(state, plan)) === "whole";
}

/**
 * Compares the existing lab with the requested one. Another plan under the same name is a conflict unless the lab is
 * abandoned.
 */
async function judge(
  state: LabState,
  plan: KindLabPlan,
): Promise<"nothing" | "whole" | "repairable" | "broken"> {
  const nodes = (await Promise.all(plan.clusters.map((c) => kindNodes(plan.lab, c.name)))).flat();
  if (nodes.length === 0 && state.phase !== "up") return "nothing";
  const same = isDeepStrictEqual(JSON.parse(JSON.stringify(state.plan)), JSON.parse(JSON.stringify(plan)));
  if (!same && state.phase === "up" && nodes.length > 0 && !(await isDisposable(state))) {
    throw new MeshproofError(
      "config-conflict",
      `lab ${plan.lab} is up with other settings (versions, CIDRs, values or budgets)`,
      {
        remedy: `run \`${meshCommand("down", "--lab", plan.lab)}\` first, or choose another --lab`,
      },
    );
  }
  const expected = plan.clusters.reduce((sum, c) => sum + c.kindConfig.nodes.length, 0);
  const complete = nodes.length === expected && nodes.every((n) => n.running);
  if (!complete || !same) return "broken";
  if (state.phase === "up") return "whole";
  return state.phase === "meshing" ? "repairable" : "broken";
}
