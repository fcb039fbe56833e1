import { MeshproofError } from "#harness/lib/errors.ts";
import { clusterLimitChanged } from "./catalogue/cluster-limit.ts";
import { configurationFaults } from "./catalogue/configuration.ts";
import { controlPlaneFaults } from "./catalogue/control-plane.ts";
import { controlPlanePolicyFaults } from "./catalogue/control-plane-policy.ts";
import { etcdCertificateFault } from "./catalogue/etcd-certificate.ts";
import { extraBackend } from "./catalogue/extra-backend.ts";
import { kvstoreEntryFaults } from "./catalogue/kvstore-entries.ts";
import { linkMtuLowered } from "./catalogue/link-mtu.ts";
import { mcsFaults } from "./catalogue/mcs.ts";
import { missingObjectFaults } from "./catalogue/missing-objects.ts";
import { networkFaults } from "./catalogue/network.ts";
import { nodeFaults } from "./catalogue/nodes.ts";
import { policyFaults } from "./catalogue/policy.ts";
import { serviceDefinitionFaults } from "./catalogue/service-definitions.ts";
import { stateFaults } from "./catalogue/state.ts";
import { syncThresholdFaults } from "./catalogue/sync-threshold.ts";
import { thresholdFaults } from "./catalogue/threshold.ts";
import { trustFaults } from "./catalogue/trust.ts";
import { workloadFaults } from "./catalogue/workload.ts";
import type { Fault } from "./fault.ts";

/** Every fault, cheap ones first, in the order in which `prove` runs them. */
export const faults: readonly Fault[] = [
  ...networkFaults,
  linkMtuLowered,
  ...workloadFaults,
  ...thresholdFaults,
  extraBackend,
  ...policyFaults,
  ...configurationFaults,
  ...serviceDefinitionFaults,
  ...mcsFaults,
  ...stateFaults,
  ...kvstoreEntryFaults,
  ...controlPlaneFaults,
  ...controlPlanePolicyFaults,
  ...syncThresholdFaults,
  ...missingObjectFaults,
  clusterLimitChanged,
  ...trustFaults,
  etcdCertificateFault,
  ...nodeFaults,
];

export function faultNamed(name: string): Fault {
  const fault = faults.find((f) => f.name === name);
  if (fault === undefined) {
    throw new MeshproofError("usage", `there is no fault ${name}`, {
      remedy: `name one of ${faults.map((f) => f.name).join(", ")}`,
    });
  }
  return fault;
}
