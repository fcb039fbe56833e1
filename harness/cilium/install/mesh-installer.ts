import type { Cluster } from "#harness/cluster/cluster.ts";
import { mergeValues } from "#harness/config/plan.ts";
import {
  daemonSetReady,
  deploymentReady,
  hasLoadBalancerIp,
  isEnded,
  podReady,
} from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Artifacts, CiliumCliArtifact } from "#harness/model/artifacts.ts";
import type { KindLabPlan, PlannedKindCluster } from "#harness/model/lab-plan.ts";
import type { Meshing } from "#harness/model/meshing.ts";
import { installCilium, upgradeCilium } from "#harness/platform/helm.ts";
import type { LoadBalancerBlock } from "./addresses.ts";
import { announceLoadBalancers } from "./announce.ts";
import { apiserverPort, baseValues } from "./helm-values.ts";

export type Values = Record<string, unknown>;

/** The steps that all mesh installers share, for a lab under installation. */
export class MeshInstaller {
  readonly plan: KindLabPlan;
  readonly clusters: readonly Cluster[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** What the profile recorded of its commands. */
  meshing: Meshing | undefined;
  readonly #startedMs = monotonicMs();
  readonly #ready = new Map<string, number>();
  readonly #artifacts: Artifacts;
  readonly #blocks: ReadonlyMap<string, LoadBalancerBlock>;

  constructor(options: {
    readonly plan: KindLabPlan;
    readonly artifacts: Artifacts;
    readonly clusters: readonly Cluster[];
    readonly blocks: ReadonlyMap<string, LoadBalancerBlock>;
    readonly progress: Progress;
    readonly signal: AbortSignal;
  }) {
    this.plan = options.plan;
    this.clusters = options.clusters;
    this.progress = options.progress;
    this.signal = options.signal;
    this.#artifacts = options.artifacts;
    this.#blocks = options.blocks;
  }

  /** The Cilium CLI that was built for this lab, or why it has none. */
  get ciliumCli(): CiliumCliArtifact | undefined {
    return this.#artifacts.ciliumCli;
  }

  /** Bounds every wait of this installation. */
  get waiting(): { readonly withinMs: number; readonly signal: AbortSignal } {
    return { withinMs: this.plan.budgets.meshMs, signal: this.signal };
  }

  planned(cluster: Cluster): PlannedKindCluster {
    const planned = this.plan.clusters.find((c) => c.name === cluster.name);
    return found(planned, `cluster ${cluster.name} in the plan of lab ${this.plan.lab}`);
  }

  block(cluster: Cluster): LoadBalancerBlock {
    return found(this.#blocks.get(cluster.name), `block of LoadBalancer addresses for ${cluster.name}`);
  }

  /**
   * Installs Cilium in a cluster for the first time, waits for its agents, and provides LoadBalancer addresses for
   * the suites' services.
   */
  async begin(cluster: Cluster, profileValues: Values): Promise<void> {
    await this.install(cluster, profileValues);
    await this.announce(cluster);
    await this.agentsReady(cluster);
  }

  /**
   * Installs or upgrades Cilium. Later values override earlier ones: the lab's, the profile's, the images', the
   * user's.
   */
  async install(cluster: Cluster, profileValues: Values): Promise<void> {
    const planned = this.planned(cluster);
    const artifacts = found(this.#artifacts.clusters[cluster.name], `artifact of cluster ${cluster.name}`);
    const { name: controlPlane } = await cluster.controlPlane();
    const { tuning } = this.plan;
    const base = baseValues({ tuning, cluster: { name: cluster.name, id: cluster.id }, controlPlane });
    await installCilium({
      helm: this.#artifacts.tools.helm,
      kubeconfig: cluster.kubeconfig,
      chartDir: artifacts.chartDir,
      values: [
        profileValues,
        artifacts.imageValues,
        await clustersetNames(cluster, planned.values),
        planned.values,
      ].reduce(mergeValues, base),
      signal: this.signal,
    });
  }

  /** Changes single values of the installed release. */
  async change(cluster: Cluster, values: Values): Promise<void> {
    const { chartDir } = found(this.#artifacts.clusters[cluster.name], `artifact of cluster ${cluster.name}`);
    const { helm } = this.#artifacts.tools;
    await upgradeCilium({ helm, kubeconfig: cluster.kubeconfig, chartDir, values, signal: this.signal });
  }

  /** Provides LoadBalancer addresses for this cluster, once Cilium's operator has registered the kinds. */
  announce(cluster: Cluster): Promise<void> {
    return announceLoadBalancers(cluster, this.block(cluster), this.waiting);
  }

  async agentsReady(cluster: Cluster): Promise<void> {
    await cluster.kube.until(kinds.daemonSet, { namespace: "kube-system", name: "cilium" }, daemonSetReady, {
      what: `Cilium's agents in ${cluster.name}`,
      ...this.waiting,
    });
    if (!this.#ready.has(cluster.name)) this.#ready.set(cluster.name, monotonicMs() - this.#startedMs);
  }

  /** Milliseconds from the start of the installation until the last cluster's agents were first ready. */
  get agentsMs(): number {
    return Math.max(...this.#ready.values());
  }

  /**
   * Waits until every pod runs: a pod that is created while its agent restarts keeps the address of its first attempt
   * allocated.
   */
  podsReady(cluster: Cluster): Promise<unknown> {
    return cluster.kube.until(
      kinds.pod,
      {},
      (pods) => {
        const open = pods
          .filter((p) => !isEnded(p.status?.phase) && !podReady(p))
          .map((p) => p.metadata.name);
        return pods.length > 0 && open.length === 0
          ? ready(undefined)
          : notYet(`not ready: ${open.join(", ")}`);
      },
      { what: `every pod of ${cluster.name}`, ...this.waiting },
    );
  }

  apiserverReady(cluster: Cluster): Promise<unknown> {
    return this.deploymentReady(cluster, "clustermesh-apiserver");
  }

  deploymentReady(cluster: Cluster, name: string): Promise<unknown> {
    return cluster.kube.until(kinds.deployment, { namespace: "kube-system", name }, deploymentReady, {
      what: `${name} in ${cluster.name}`,
      ...this.waiting,
    });
  }

  /** The address that LB IPAM gave a service in kube-system. */
  externalIp(cluster: Cluster, service: string): Promise<string> {
    return cluster.kube.until(kinds.service, { namespace: "kube-system", name: service }, hasLoadBalancerIp, {
      what: `service ${service} of ${cluster.name} to get an external IP`,
      ...this.waiting,
    });
  }

  /**
   * Where the other clusters reach a cluster's clustermesh-apiserver: the service's external IP, else its NodePort.
   */
  async apiserverAddress(
    cluster: Cluster,
  ): Promise<{ readonly ips: readonly string[]; readonly port: number }> {
    const service = await cluster.kube.get(kinds.service, "kube-system", "clustermesh-apiserver");
    if (service?.spec.type === "NodePort")
      return {
        ips: (await cluster.nodes()).map((n) => n.address),
        port: Number(service.spec.ports[0].nodePort),
      };
    return {
      ips: [await this.externalIp(cluster, "clustermesh-apiserver")],
      port: apiserverPort.LoadBalancer,
    };
  }

  /** Entries of a secret in kube-system, base64 as stored; a missing one is `mesh-not-ready`. */
  async secret<K extends string>(
    cluster: Cluster,
    name: string,
    keys: readonly K[],
  ): Promise<Record<K, string>> {
    const data = ((await cluster.kube.get(kinds.secret, "kube-system", name))?.data ?? {}) as Record<
      string,
      string
    >;
    for (const key of keys)
      if (data[key] === undefined)
        throw new MeshproofError("mesh-not-ready", `secret ${name} of ${cluster.name} has no ${key}`);
    return data as Record<K, string>;
  }
}

/**
 * With MCS-API, Cilium's chart can configure CoreDNS for names under clusterset.local, from CoreDNS 1.12.2 on; on an
 * older one the chart's job makes the whole installation fail.
 */
async function clustersetNames(cluster: Cluster, values: Values): Promise<Values> {
  const { mcsapi } = (values.clustermesh ?? {}) as { mcsapi?: { enabled?: boolean } };
  if (mcsapi?.enabled !== true) return {};
  const deployment = await cluster.kube.get(kinds.deployment, "kube-system", "coredns");
  const image = String(deployment?.spec?.template?.spec?.containers?.[0]?.image ?? "");
  const version = /:(v\d+\.\d+\.\d+)/.exec(image)?.[1];
  return version !== undefined && isAtLeast(version, "v1.12.2")
    ? { clustermesh: { mcsapi: { corednsAutoConfigure: { enabled: true } } } }
    : {};
}

/** A mesh installer: from clusters without a CNI to clusters configured as peers. */
export interface Profile {
  /** Ends when Cilium runs everywhere with every peer configured; the caller waits for the canary. */
  mesh(installer: MeshInstaller): Promise<void>;
}
