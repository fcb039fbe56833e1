import { wantsKvstoreMesh } from "#harness/config/plan.ts";
import { hasApiserver } from "#harness/config/profiles.ts";
import { Kube, kinds } from "#harness/kube/kube.ts";
import { found } from "#harness/lib/found.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { kindNameOf, kubeconfigOf } from "#harness/state/lab.ts";
import { ownNodes } from "./external/own-cluster.ts";
import { type ClusterNode, kindNodes } from "./kind/kind-cluster.ts";
import { agentSelector } from "./selectors.ts";

/** A running cluster of the mesh, as suites see it. */
export class Cluster {
  readonly name: string;
  readonly id: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Where it is dual-stack. */
  readonly podCidr6: string | undefined;
  readonly ciliumVersion: string;
  readonly kubernetesVersion: string;
  readonly kube: Kube;
  readonly kubeconfig: string;
  /** Of the kubeconfig. */
  readonly context: string;
  /** Whether it tells of itself through clustermesh-apiserver. */
  readonly hasApiserver: boolean;
  /** Whether KVStoreMesh keeps a copy of what the others tell; else every agent asks them itself. */
  readonly hasKvstoreMesh: boolean;
  /** Without a tunnel, by its Helm values. */
  readonly routesNatively: boolean;
  /** Whether its nodes are containers here: else nobody can look into them, or stand beside them. */
  readonly onThisMachine: boolean;
  /** Whether LoadBalancer services get addresses. */
  readonly givesAddresses: boolean;
  readonly #lab: string;
  readonly #own: boolean;

  constructor(state: LabState, name: string) {
    const planned = found(
      state.plan.clusters.find((c) => c.name === name),
      `cluster ${name} in lab ${state.lab}`,
    );
    this.#lab = state.lab;
    this.name = name;
    this.id = planned.id;
    this.podCidr = planned.podCidr;
    this.serviceCidr = planned.serviceCidr;
    this.podCidr6 = planned.podCidr6;
    this.kubernetesVersion = planned.kubernetes;
    this.ciliumVersion = found(state.artifacts.clusters[name], `artifact of cluster ${name}`).ciliumVersion;
    this.kubeconfig = planned.own?.kubeconfig ?? kubeconfigOf(state.lab, name);
    this.#own = planned.own !== undefined;
    this.onThisMachine = planned.own?.networks.length !== 0;
    this.givesAddresses = planned.own?.givesAddresses ?? true;
    this.hasApiserver = hasApiserver(state.plan.profile);
    this.hasKvstoreMesh = this.hasApiserver && wantsKvstoreMesh(planned);
    this.context = planned.own?.context ?? `kind-${kindNameOf(state.lab, name)}`;
    this.routesNatively = planned.values.routingMode === "native";
    this.kube = new Kube(name, this.kubeconfig, this.context);
  }

  async nodes(): Promise<ClusterNode[]> {
    return this.#own ? ownNodes(this.kube) : kindNodes(this.#lab, this.name);
  }

  /** Its first control plane node. */
  async controlPlane(): Promise<ClusterNode> {
    const node = (await this.nodes()).find((n) => n.role === "control-plane");
    return found(node, `control plane node in cluster ${this.name}`);
  }

  /** The Cilium agent's pod on each node. */
  async agents(): Promise<{ pod: string; node: string }[]> {
    const pods = await this.kube.list(kinds.pod, "kube-system", agentSelector);
    return pods
      .filter((p) => p.metadata.deletionTimestamp === undefined)
      .map((p) => ({ pod: p.metadata.name, node: String(p.spec.nodeName) }))
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** A key of Cilium's own ConfigMap, as the agents were started with. */
  async setting(key: string): Promise<string | undefined> {
    return (await this.kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data?.[key];
  }
}
