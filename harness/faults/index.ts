import { MeshproofError } from "#harness/lib/errors.ts";
import { configurationFaults } from "./catalogue/configuration.ts";
import { controlPlaneFaults } from "./catalogue/control-plane.ts";
import { etcdCertificateFault } from "./catalogue/etcd-certificate.ts";
import { extraBackend } from "./catalogue/extra-backend.ts";
import { mcsFaults } from "./catalogue/mcs.ts";
import { networkFaults } from "./catalogue/network.ts";
import { nodeFaults } from "./catalogue/nodes.ts";
import { policyFaults } from "./catalogue/policy.ts";
import { stateFaults } from "./catalogue/state.ts";
import { trustFaults } from "./catalogue/trust.ts";
import { workloadFaults } from "./catalogue/workload.ts";
import type { Fault } from "./fault.ts";

/** Every fault, cheap ones first, in the order in which `prove` runs them. */
export const faults: readonly Fault[] = [
  ...networkFaults,
  ...workloadFaults,
  extraBackend,
  ...policyFaults,
  ...configurationFaults,
  ...mcsFaults,
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
      remedy: `name one of ${faults.map((f) => f.name).join(", ")}`,
    });
  }
  return fault;
}
