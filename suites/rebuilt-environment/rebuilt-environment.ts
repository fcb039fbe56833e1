import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import {
  type Connection,
  type Enforcement,
  type ModelPod,
  type ModelPolicy,
  type PolicyVerdict,
  policySays,
} from "#harness/semantics/policy-model.ts";
import { type ServiceProblem, serviceProblems } from "#harness/semantics/service-definitions.ts";
import { suitesDir } from "#harness/testkit/suite-list.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import {
  type LabService,
  type LabServicePort,
  labObjects,
  labServices,
  type NotAsked,
  servicesNotAsked,
} from "#harness/workloads/lab-objects.ts";

/** A pod of the lab's own objects, with the properties that policies use. */
export interface RebuiltPod extends ModelPod {
  readonly home: Cluster;
  readonly name: string;
  readonly node: string;
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
  readonly #enforcement: ReadonlyMap<string, Enforcement>;
  readonly #defects: readonly KnownDefect[];

  private constructor(
    mesh: Mesh,
    local: ReadonlySet<string>,
    enforcement: ReadonlyMap<string, Enforcement>,
    defects: readonly KnownDefect[],
  ) {
    this.#mesh = mesh;
    this.#defects = defects;
    this.#local = local;
    this.#enforcement = enforcement;
    this.policies = mesh.clusters.flatMap((c) => policiesOf(c.name, this.#objects(c)));
  }

  static async of(mesh: Mesh): Promise<RebuiltEnvironment> {
    const local = new Set<string>();
    const enforcement = new Map<string, Enforcement>();
    for (const c of mesh.clusters) {
      if ((await c.setting("policy-default-local-cluster")) === "true") local.add(c.name);
      const mode = await c.setting("enable-policy");
      if (mode === "always" || mode === "never") enforcement.set(c.name, mode);
    }
    return new RebuiltEnvironment(mesh, local, enforcement, await readKnownDefects(suitesDir()));
  }

  /** What the combined policies say of a connection. */
  says(connection: Connection): PolicyVerdict {
    return policySays(
      this.policies,
      connection,
      // Clusters in which a selector without a cluster label selects only local pods.
      (cluster) => this.#local.has(cluster),
      (cluster) => this.#enforcement.get(cluster) ?? "default",
    );
  }

  notAskedOf(cluster: Cluster): NotAsked[] {
    return servicesNotAsked(this.#objects(cluster));
  }

  /** What is wrong with the definitions of a cluster's services: a cause of what clients see. */
  problemsOf(cluster: Cluster): ServiceProblem[] {
    const all = this.#mesh.clusters.map((c) => ({
      name: c.name,
      version: c.ciliumVersion,
      hasServices: true,
      services: this.#objects(c)
        .filter((o) => o.kind === "Service")
        .map((o) => ({
          namespace: o.metadata.namespace ?? "default",
          name: o.metadata.name,
          annotations: o.metadata.annotations ?? {},
          labels: o.metadata.labels ?? {},
          ports: o.spec?.ports ?? [],
        })),
    }));
    return serviceProblems(all, this.#defects).filter((p) => p.cluster.split(", ").includes(cluster.name));
  }

  servicesOf(cluster: Cluster): LabService[] {
    return labServices(this.#objects(cluster));
  }

  /** Its addresses, of each family. */
  async clusterIps(cluster: Cluster, { namespace, name }: LabService): Promise<string[]> {
    const { clusterIP, clusterIPs } = (await cluster.kube.get(kinds.service, namespace, name))?.spec ?? {};
    return ((clusterIPs ?? [clusterIP]) as (string | undefined)[]).filter((ip) => ip !== undefined);
  }

  async podsOf(home: Cluster, selector: Readonly<Record<string, string>> = {}): Promise<RebuiltPod[]> {
    const labels = Object.entries(selector).map(([k, v]) => `${k}=${v}`);
    const own = new Set(
      this.#objects(home)
        .filter((o) => o.kind === "Deployment")
        .map((o) => o.metadata.namespace ?? "default"),
    );
    const pods: RebuiltPod[] = [];
    for (const namespace of await home.kube.list(kinds.namespace)) {
      if (!own.has(namespace.metadata.name)) continue;
      const found = await home.kube.list(kinds.pod, namespace.metadata.name, labels.join(",") || undefined);
      pods.push(...found.filter(podReady).map((p) => rebuiltPod(home, p, namespace)));
    }
    return pods;
  }

  /**
   * The pods that should serve a cluster's clients by the service's annotations. `node`: of clients on one node, for a
   * service whose own cluster's backends are those of the client's node.
   */
  async serving(client: Cluster, service: LabService, node?: string): Promise<RebuiltPod[]> {
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
        pods: (await this.podsOf(home, selector)).filter(
          (p) =>
            p.namespace === service.namespace && (node === undefined || home !== client || p.node === node),
        ),
      })),
    );
    const having = byHome.filter((b) => b.pods.length > 0).map((b) => b.home);
    const expectedClusters = servingClusters(service.global ? service.affinity : "local", client, having);
    return byHome.filter((b) => expectedClusters.includes(b.home)).flatMap((b) => b.pods);
  }

  /** Whether the lab file has a Deployment behind a service, in any cluster. */
  hasStandIns({ namespace, selector }: LabService): boolean {
    return this.#mesh.clusters
      .flatMap((c) => this.#objects(c))
      .filter((o) => o.kind === "Deployment" && (o.metadata.namespace ?? "default") === namespace)
      .some((o) => {
        const labels = (o.spec.template?.metadata?.labels ?? {}) as Readonly<Record<string, string>>;
        return Object.entries(selector).every(([k, v]) => labels[k] === v);
      });
  }

  /** Whether the combined policies allow a client to reach every pod behind a port of a service. */
  lets(from: ModelPod, { targetPort, protocol }: LabServicePort, pods: readonly RebuiltPod[]): boolean {
    return pods.every((to) => {
      const port = numberOf(targetPort, to);
      return port !== undefined && this.says({ from, to, port, protocol }).verdict === "allow";
    });
  }

  #objects(cluster: Cluster): readonly KubeObject[] {
    return labObjects(this.#mesh.state.plan, cluster.name);
  }
}

/** The number behind a target port; undefined if the pod has no port of that name. */
export const numberOf = (targetPort: number | string, { portNames }: RebuiltPod): number | undefined =>
  typeof targetPort === "number" ? targetPort : portNames[targetPort];

const clusterwide = "CiliumClusterwideNetworkPolicy";
const policyKinds = ["CiliumNetworkPolicy", "NetworkPolicy", clusterwide];

const policiesOf = (cluster: string, objects: readonly KubeObject[]): ModelPolicy[] =>
  objects
    .filter((o) => policyKinds.includes(o.kind))
    .flatMap((o) =>
      [o.spec, ...((o.specs ?? []) as unknown[])]
        .filter((spec) => spec !== undefined)
        .map(
          (spec): ModelPolicy => ({
            cluster,
            kind: o.kind,
            namespace: o.kind === clusterwide ? "" : (o.metadata.namespace ?? "default"),
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
    node: pod.spec.nodeName,
    serviceAccount: pod.spec.serviceAccountName ?? "default",
    namespace: namespace.metadata.name,
    labels: pod.metadata.labels ?? {},
    namespaceLabels: namespace.metadata.labels ?? {},
    container: pod.spec.containers[0].name,
    ip: pod.status.podIP,
    ports: [...new Set(declared.map((p) => p.containerPort))],
    portNames: Object.fromEntries(
      declared.flatMap((p) => (p.name === undefined ? [] : [[p.name, p.containerPort]])),
    ),
  };
}
