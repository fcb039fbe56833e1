import { valueAt } from "#harness/lib/value-at.ts";

type Values = Readonly<Record<string, unknown>>;

/** Whether addresses of pods come from the operator's pools (`$ipam`, templates/cilium-configmap.yaml:64 of 1.20.2). */
export const isClusterPool = (values: Values): boolean =>
  ["", "cluster-pool"].includes(String(valueAt(values, "ipam.mode") ?? "")) &&
  valueAt(values, "eni.enabled") !== true;

/**
 * Whether the chart takes the CIDR of native routing from the pools (templates/cilium-configmap.yaml:562 of 1.20.2). Charts
 * before 1.20 do not have the value.
 */
export const isNativeCidrOfPools = (values: Values): boolean =>
  valueAt(values, "nativeRoutingCIDRFromClusterPool") === true && isClusterPool(values);
