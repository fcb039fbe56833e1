import { Kube, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { PlannedCluster } from "#harness/model/lab-plan.ts";
import type { Capabilities } from "./capabilities.ts";
import type { ClusterNode } from "./node.ts";
import { agentSelector } from "./selectors.ts";

export interface Access {
  readonly kubeconfig: string;
  /** The context of the kubeconfig. */
  readonly context: string;
}

/** What every running cluster of a mesh has, kind or external. */
export abstract class ClusterBase<Node extends ClusterNode = ClusterNode> {
  abstract readonly kind: PlannedCluster["kind"];
  abstract readonly capabilities: Capabilities;
  readonly name: string;
  readonly id: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Defined if the cluster is dual-stack. */
  readonly podCidr6: string | undefined;
  readonly ciliumVersion: string;
  readonly kubernetesVersion: string;
  readonly kube: Kube;
  readonly kubeconfig: string;
  readonly context: string;

  constructor(planned: PlannedCluster, ciliumVersion: string, { kubeconfig, context }: Access) {
    this.name = planned.name;
    this.id = planned.id;
    this.podCidr = planned.podCidr;
    this.serviceCidr = planned.serviceCidr;
    this.podCidr6 = planned.podCidr6;
    this.kubernetesVersion = planned.kubernetes;
    this.ciliumVersion = ciliumVersion;
    this.kubeconfig = kubeconfig;
    this.context = context;
    this.kube = new Kube(planned.name, kubeconfig, context);
  }

  abstract nodes(): Promise<Node[]>;

  /** Its first control plane node; throws `lab-broken` if it has none. */
  async controlPlane(): Promise<Node> {
    const node = (await this.nodes()).find((n) => n.role === "control-plane");
    if (node === undefined)
      throw new MeshproofError("lab-broken", `cluster ${this.name} has no control plane node`);
    return node;
  }

  /** The Cilium agent's pod on each node. */
  async agents(): Promise<{ pod: string; node: string }[]> {
    const pods = await this.kube.list(kinds.pod, "kube-system", agentSelector);
    return pods
      .filter((p) => p.metadata.deletionTimestamp === undefined)
      .map((p) => ({ pod: p.metadata.name, node: String(p.spec.nodeName) }))
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** A key of Cilium's ConfigMap. Agents read it when they start. */
  async setting(key: string): Promise<string | undefined> {
    return (await this.kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data?.[key];
  }
}
