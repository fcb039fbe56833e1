import type { LabPlan, PlannedKindCluster } from "#harness/model/lab-plan.ts";
import { kindNameOf, kubeconfigOf } from "#harness/state/lab.ts";
import { type Capabilities, capabilitiesOf } from "../capabilities.ts";
import { ClusterBase } from "../cluster-base.ts";
import type { ClusterNode } from "../node.ts";
import { type KindNode, kindNode, kindNodes } from "./kind-node.ts";
import { clusterNetwork } from "./networks.ts";

/** A cluster that Meshproof created with kind: its nodes are containers that may be paused, stopped and changed. */
export class KindCluster extends ClusterBase<ClusterNode & KindNode> {
  readonly kind = "kind";
  readonly capabilities: Capabilities;
  /** The Docker network of its nodes. */
  readonly network: string;
  readonly #lab: string;

  constructor(
    plan: Pick<LabPlan, "lab" | "profile" | "networks">,
    planned: PlannedKindCluster,
    ciliumVersion: string,
  ) {
    super(planned, ciliumVersion, {
      kubeconfig: kubeconfigOf(plan.lab, planned.name),
      context: `kind-${kindNameOf(plan.lab, planned.name)}`,
    });
    this.capabilities = capabilitiesOf(planned, plan.profile);
    this.network = clusterNetwork(plan, planned.name);
    this.#lab = plan.lab;
  }

  nodes(): Promise<(ClusterNode & KindNode)[]> {
    return kindNodes(this.#lab, this.name);
  }

  /** A node by its Kubernetes name, such as a pod's `nodeName`. */
  node(name: string): KindNode {
    return kindNode(name);
  }
}
