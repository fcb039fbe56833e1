import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import type { LabPlan, PlannedExternalCluster } from "#harness/model/lab-plan.ts";
import { type Capabilities, capabilitiesOf } from "../capabilities.ts";
import { ClusterBase } from "../cluster-base.ts";
import type { ClusterNode } from "../node.ts";

/** A cluster that Meshproof did not create: suites create namespaces in it, and change nothing else. */
export class ExternalCluster extends ClusterBase {
  readonly kind = "external";
  readonly capabilities: Capabilities;

  constructor(plan: Pick<LabPlan, "profile">, planned: PlannedExternalCluster, ciliumVersion: string) {
    super(planned, ciliumVersion, planned);
    this.capabilities = capabilitiesOf(planned, plan.profile);
  }

  /** As its API server lists them. Whether they run is unknown, so all count as running. */
  async nodes(): Promise<ClusterNode[]> {
    return (await this.kube.list(kinds.node))
      .map((n) => ({
        name: n.metadata.name,
        role: roleOf(n),
        address: String(
          (n.status.addresses as { type: string; address: string }[]).find((a) => a.type === "InternalIP")
            ?.address,
        ),
        running: true,
        state: "running",
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

const roleOf = (n: KubeObject): ClusterNode["role"] =>
  "node-role.kubernetes.io/control-plane" in (n.metadata.labels ?? {}) ? "control-plane" : "worker";
