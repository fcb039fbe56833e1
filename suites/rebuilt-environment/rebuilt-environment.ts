import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { type ModelPod, type ModelPolicy, policySays } from "#harness/semantics/policy-model.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import { type LabService, labObjects, labServices } from "#harness/workloads/lab-objects.ts";

/** A pod of the lab's own objects, with the properties that policies use. */
export interface RebuiltPod extends ModelPod {
  readonly home: Cluster;
  readonly name: string;
  readonly container: string;
  readonly ip: string;
  readonly ports: readonly number[];
  readonly portNames: Readonly<Record<string, number>>;
}

/** The objects that the lab file defines for the clusters, and their expected effect. */
export class RebuiltEnvironment {
  readonly policies: readonly ModelPolicy[];
  readonly #mesh: Mesh;
  readonly #local: ReadonlySet<string>;

  private constructor(mesh: Mesh, local: ReadonlySet<string>) {
    this.#mesh = mesh;
    this.#local = local;
    this.policies = mesh.clusters.flatMap((c) => policiesOf(c.name, this.#objects(c)));
  }

  static async of(mesh: Mesh): Promise<RebuiltEnvironment> {
    const local = new Set<string>();
    for (const c of mesh.clusters)
      if ((await c.setting("policy-default-local-cluster")) === "true") local.add(c.name);
    return new RebuiltEnvironment(mesh, local);
  }

  /** Clusters in which a selector without a cluster label selects only local pods. */
  readonly defaultsToLocal = (cluster: string): boolean => this.#local.has(cluster);

  servicesOf(cluster: Cluster): LabService[] {
    return labServices(this.#objects(cluster));
  }

  async clusterIp(cluster: Cluster, { namespace, name }: LabService): Promise<string> {
    return String((await cluster.kube.get(kinds.service, namespace, name))?.spec.clusterIP);
  }

  async podsOf(home: Cluster, selector: Readonly<Record<string, string>> = {}): Promise<RebuiltPod[]> {
    const labels = Object.entries(selector).map(([k, v]) => `${k}=${v}`);
    const own = new Set(
      this.#objects(home)
        .filter((o) => o.kind === "Deployment")
        .map((o) => o.metadata.namespace),
    );
    const pods: RebuiltPod[] = [];
    for (const namespace of await home.kube.list(kinds.namespace)) {
      if (!own.has(namespace.metadata.name)) continue;
      const found = await home.kube.list(kinds.pod, namespace.metadata.name, labels.join(",") || undefined);
      pods.push(...found.filter(podReady).map((p) => rebuiltPod(home, p, namespace)));
    }
    return pods;
  }

  /** The pods that should serve a cluster's clients by the service's annotations. */
  async serving(client: Cluster, service: LabService): Promise<RebuiltPod[]> {
    const there = this.#mesh.clusters.flatMap((home) => {
      const own = this.servicesOf(home).find(
        (s) => s.namespace === service.namespace && s.name === service.name,
      );
      if (home !== client && !(service.global && own?.global === true && own.shared)) return [];
      return own === undefined ? [] : [{ home, selector: own.selector }];
    });
    const byHome = await Promise.all(
      there.map(async ({ home, selector }) => ({
        home,
        pods: (await this.podsOf(home, selector)).filter((p) => p.namespace === service.namespace),
      })),
    );
    const having = byHome.filter((b) => b.pods.length > 0).map((b) => b.home);
    const expectedClusters = servingClusters(service.global ? service.affinity : "local", client, having);
    return byHome.filter((b) => expectedClusters.includes(b.home)).flatMap((b) => b.pods);
  }

  /** Whether the combined policies allow a client to reach every pod of a service. */
  lets(from: ModelPod, { targetPort }: LabService, pods: readonly RebuiltPod[]): boolean {
    return pods.every((to) => {
      const port = typeof targetPort === "number" ? targetPort : to.portNames[targetPort];
      return (
        port !== undefined &&
        policySays(this.policies, { from, to, port }, this.defaultsToLocal).verdict === "allow"
      );
    });
  }

  #objects(cluster: Cluster): readonly KubeObject[] {
    return labObjects(this.#mesh.state.plan, cluster.name);
  }
}

const policiesOf = (cluster: string, objects: readonly KubeObject[]): ModelPolicy[] =>
  objects
    .filter((o) => o.kind === "CiliumNetworkPolicy" || o.kind === "NetworkPolicy")
    .flatMap((o) =>
      [o.spec, ...((o.specs ?? []) as unknown[])]
        .filter((spec) => spec !== undefined)
        .map(
          (spec): ModelPolicy => ({
            cluster,
            kind: o.kind,
            namespace: o.metadata.namespace ?? "default",
            name: o.metadata.name,
            spec,
          }),
        ),
    );

function rebuiltPod(home: Cluster, pod: KubeObject, namespace: KubeObject): RebuiltPod {
  const declared = (pod.spec.containers as { ports?: { containerPort: number; name?: string }[] }[]).flatMap(
    (c) => c.ports ?? [],
  );
  return {
    home,
    cluster: home.name,
    name: pod.metadata.name,
    namespace: namespace.metadata.name,
    labels: pod.metadata.labels ?? {},
    namespaceLabels: namespace.metadata.labels ?? {},
    container: pod.spec.containers[0].name,
    ip: pod.status.podIP,
    ports: declared.map((p) => p.containerPort),
    portNames: Object.fromEntries(
      declared.flatMap((p) => (p.name === undefined ? [] : [[p.name, p.containerPort]])),
    ),
  };
}
