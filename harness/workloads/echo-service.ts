import type { Cluster } from "#harness/cluster/cluster.ts";
import { deploymentReady, hasLoadBalancerIp, noneTerminating, podReady } from "#harness/kube/conditions.ts";
import { isReady, ownEndpoints } from "#harness/kube/endpoint-slices.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Application } from "#harness/model/application.ts";
import type { WorkloadSetting } from "#harness/model/setting.ts";
import { type EchoVariant, echoDeployment, echoHttpPort, echoService } from "./echo.ts";
import type { BackendPods } from "./first-backends.ts";
import { workloadSettingOf } from "./workload-setting.ts";

interface PodCondition {
  readonly type: string;
  readonly lastTransitionTime?: string;
}

export interface EchoOptions {
  readonly namespace: string;
  readonly image: string;
  readonly replicas: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly variant?: EchoVariant;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/**
 * For a backend that a late readiness probe took away, on a machine whose API server takes ten seconds for a list; of
 * Kubernetes alone, so no budget of Cilium. Every test of a fault that stops backends waits for as long.
 */
const readyAgainMs = 30_000;

/**
 * Echo backends in every cluster, one deployment each. Pod names start with the cluster's, so a response shows it.
 */
export class EchoBackends {
  readonly namespace: string;
  readonly clusters: readonly Cluster[];

  readonly #options: EchoOptions;
  readonly #replicas: number;
  readonly #heartbeats: boolean;
  #application: Application;

  private constructor(clusters: readonly Cluster[], options: EchoOptions) {
    this.#options = options;
    this.#application = options.variant?.application ?? "exits";
    this.#replicas = options.replicas;
    this.#heartbeats = options.variant?.heartbeatImage !== undefined;
    this.namespace = options.namespace;
    this.clusters = clusters;
  }

  static async deploy(clusters: readonly Cluster[], options: EchoOptions): Promise<EchoBackends> {
    const backends = new EchoBackends(clusters, options);
    await backends.#apply(backends.#application, options);
    return backends;
  }

  async #apply(
    application: Application,
    { withinMs, signal }: Pick<EchoOptions, "withinMs" | "signal">,
  ): Promise<void> {
    await Promise.all(this.clusters.map((c) => c.kube.apply(this.#deployment(c, application))));
    await Promise.all(this.clusters.map((c) => this.awaitReady(c, withinMs, signal)));
  }

  #deployment(cluster: Pick<Cluster, "name">, application: Application): KubeObject {
    const { namespace, image, replicas, labels, variant } = this.#options;
    return echoDeployment({
      namespace,
      name: this.deploymentOf(cluster),
      image,
      replicas,
      labels: { role: "echo", ...labels },
      variant: { ...variant, application },
    });
  }

  /** What can change a measurement of these backends, if they end in this way. */
  settingOf(application: Application): WorkloadSetting {
    const first = found(this.clusters[0], "cluster of the echo backends");
    return workloadSettingOf(this.#deployment(first, application), application);
  }

  /** Changes how the backends end. Waits until all of them are new, and the old ones have ended. */
  async become(application: Application, within: Pick<EchoOptions, "withinMs" | "signal">): Promise<void> {
    if (application === this.#application) return;
    await this.#apply(application, within);
    await Promise.all(
      this.clusters.map((c) =>
        c.kube.until(
          kinds.pod,
          { namespace: this.namespace, labelSelector: `app=${this.deploymentOf(c)}` },
          noneTerminating,
          { what: `the old echo backends of ${c.name} to end`, ...within },
        ),
      ),
    );
    this.#application = application;
  }

  deploymentOf(cluster: { readonly name: string }): string {
    return `echo-${cluster.name}`;
  }

  async awaitReady(cluster: Cluster, withinMs: number, signal: AbortSignal): Promise<void> {
    await cluster.kube.until(
      kinds.deployment,
      { namespace: this.namespace, name: this.deploymentOf(cluster) },
      deploymentReady,
      {
        what: `the echo backends of ${cluster.name}`,
        withinMs,
        signal,
      },
    );
  }

  /** A service over this cluster's backends in every cluster; annotations are the same in all clusters. */
  async serve(
    name: string,
    annotations: Readonly<Record<string, string>>,
    type: "ClusterIP" | "NodePort" | "LoadBalancer" = "ClusterIP",
  ): Promise<void> {
    await Promise.all(
      this.clusters.map((c) =>
        c.kube.apply(
          echoService({
            namespace: this.namespace,
            name,
            selector: { app: this.deploymentOf(c) },
            annotations,
            type,
            heartbeats: this.#heartbeats,
          }),
        ),
      ),
    );
  }

  async service(cluster: Cluster, name: string): Promise<KubeObject> {
    const service = await cluster.kube.get(kinds.service, this.namespace, name);
    if (service === undefined)
      throw new MeshproofError(
        "mesh-not-ready",
        `service ${this.namespace}/${name} is not in ${cluster.name}`,
      );
    return service;
  }

  async clusterIp(cluster: Cluster, name: string): Promise<string> {
    return String((await this.service(cluster, name)).spec.clusterIP);
  }

  async nodePort(cluster: Cluster, name: string): Promise<number> {
    return Number((await this.service(cluster, name)).spec.ports[0].nodePort);
  }

  /** The address that LB IPAM assigns; waits for it. */
  async loadBalancerIp(
    cluster: Cluster,
    name: string,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    return cluster.kube.until(kinds.service, { namespace: this.namespace, name }, hasLoadBalancerIp, {
      what: `service ${name} to get a LoadBalancer address`,
      withinMs,
      signal,
    });
  }

  /**
   * Names of the backend pods of some clusters, all of which must be ready. With a signal it waits for that, because a
   * late readiness probe takes a backend away for a moment, and throws `timeout` or `late`; without one, for a look that
   * is repeated anyway, it throws `mesh-not-ready`. The message names the deployment.
   */
  async allPods(clusters: readonly Cluster[], waiting?: Pick<EchoOptions, "signal">): Promise<string[]> {
    const names = await Promise.all(
      clusters.map((c) =>
        waiting === undefined ? this.#allPodsNow(c) : this.#awaitAllPods(c, waiting.signal),
      ),
    );
    return names.flat();
  }

  async #allPodsNow(cluster: Cluster): Promise<string[]> {
    const names = await this.pods(cluster);
    if (names.length >= this.#replicas) return names;
    throw new MeshproofError(
      "mesh-not-ready",
      `cluster ${cluster.name} has ${names.length} of ${this.#replicas} ready backends of ${this.namespace}/${this.deploymentOf(cluster)}`,
      {
        remedy: `look at the events of the pods of deployment ${this.deploymentOf(cluster)}: a readiness probe that a busy machine delays makes them unready`,
      },
    );
  }

  #awaitAllPods(cluster: Cluster, signal: AbortSignal): Promise<string[]> {
    const deployment = this.deploymentOf(cluster);
    return cluster.kube.until(
      kinds.pod,
      { namespace: this.namespace, labelSelector: `app=${deployment}` },
      (pods) => {
        const names = readyNames(pods);
        return names.length >= this.#replicas
          ? ready(names)
          : notYet(`${names.length} of ${this.#replicas} ready backends of ${this.namespace}/${deployment}`);
      },
      {
        what: `the backends of ${this.namespace}/${deployment} to be ready`,
        withinMs: readyAgainMs,
        signal,
      },
    );
  }

  /** The ready backends of each cluster, for a verdict on shares, and how many were created there. */
  async expectedBackends(clusters: readonly Cluster[]): Promise<
    {
      readonly cluster: string;
      readonly deployment: string;
      readonly pods: readonly string[];
      readonly replicas: number;
    }[]
  > {
    return Promise.all(
      clusters.map(async (c) => ({
        cluster: c.name,
        deployment: this.deploymentOf(c),
        pods: await this.pods(c),
        replicas: this.#replicas,
      })),
    );
  }

  /** Names of the ready backend pods of one cluster. */
  async pods(cluster: Cluster): Promise<string[]> {
    const selector = `app=${this.deploymentOf(cluster)}`;
    return readyNames(await cluster.kube.list(kinds.pod, this.namespace, selector));
  }

  /** When each existing backend of every cluster last became ready or unready, as its cluster writes it. */
  async readinessTimes(): Promise<ReadonlyMap<string, string | undefined>> {
    const pods = await Promise.all(
      this.clusters.map((c) => c.kube.list(kinds.pod, this.namespace, `app=${this.deploymentOf(c)}`)),
    );
    return new Map(
      pods.flat().map(({ metadata, status }) => {
        const conditions = status?.conditions as readonly PodCondition[] | undefined;
        return [metadata.name, conditions?.find((c) => c.type === "Ready")?.lastTransitionTime];
      }),
    );
  }

  /** The backend pods of every cluster, those that start later included. */
  get backendPods(): readonly BackendPods[] {
    return this.clusters.map((c) => ({
      kube: c.kube,
      namespace: this.namespace,
      labelSelector: `app=${this.deploymentOf(c)}`,
    }));
  }

  /** The cluster of a pod name in a response. */
  clusterOf = (pod: string): string | undefined =>
    this.clusters.find((c) => pod.startsWith(`${this.deploymentOf(c)}-`))?.name;

  /** `ip:port` of the ready endpoints in one cluster's own EndpointSlices. */
  async endpoints(cluster: Cluster, name: string): Promise<string[]> {
    const slices = await cluster.kube.list(
      kinds.endpointSlice,
      this.namespace,
      `kubernetes.io/service-name=${name}`,
    );
    return ownEndpoints(slices)
      .filter(isReady)
      .flatMap((e) => e.addresses.map((ip) => `${ip}:${echoHttpPort}`))
      .sort();
  }
}

const readyNames = (pods: readonly KubeObject[]): string[] =>
  pods
    .filter(podReady)
    .map((p) => p.metadata.name)
    .sort();
