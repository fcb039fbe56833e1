import { MeshproofError } from "#harness/core/errors.ts";
import type { Fault } from "./fault.ts";
import { healthDrop, vxlanDrop } from "./firewall.ts";
import {
  affinityRemoved,
  apiserverDown,
  globalRemoved,
  policyRemoved,
  remoteBackendsStopped,
} from "./objects.ts";

export const faults: readonly Fault[] = [
  vxlanDrop,
  healthDrop,
  apiserverDown,
  globalRemoved,
  affinityRemoved,
  policyRemoved,
  remoteBackendsStopped,
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
