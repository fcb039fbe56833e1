import { MeshproofError } from "#harness/core/errors.ts";
import { configurationFaults } from "./configuration.ts";
import { controlPlaneFaults } from "./control-plane.ts";
import { etcdCertificateFault } from "./etcd-certificate.ts";
import type { Fault } from "./fault.ts";
import { networkFaults } from "./network.ts";
import { nodeFaults } from "./nodes.ts";
import { policyFaults } from "./policy.ts";
import { stateFaults } from "./state.ts";
import { trustFaults } from "./trust.ts";
import { workloadFaults } from "./workload.ts";

/** Every fault, cheap ones first: the order in which `prove` takes them. */
export const faults: readonly Fault[] = [
  ...networkFaults,
  ...workloadFaults,
  ...policyFaults,
  ...configurationFaults,
  ...stateFaults,
  ...controlPlaneFaults,
  ...trustFaults,
  etcdCertificateFault,
  ...nodeFaults,
];

export function faultNamed(name: string): Fault {
  const fault = faults.find((f) => f.name === name);
  if (fault === undefined) {
    throw new MeshproofError("usage", `there is no fault ${name}`, {
      cure: `name one of ${faults.map((f) => f.name).join(", ")}`,
    });
  }
  return fault;
}
