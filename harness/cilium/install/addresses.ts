import { addressAt, type Cidr, parseCidr } from "#harness/lib/cidr.ts";

/** Addresses for LoadBalancer services: one block per cluster, at the top of the lab's network. */
export interface LoadBalancerBlock {
  readonly start: string;
  readonly stop: string;
  /** The first address is clustermesh-apiserver's, so it is known before the installation. */
  readonly apiserver: string;
}

const blockSize = 32;

/** Docker assigns addresses from the bottom of a subnet; the blocks are at its top, without the broadcast address. */
export function loadBalancerBlock(subnet: string, index: number): LoadBalancerBlock {
  const cidr: Cidr = parseCidr(subnet);
  const size = Number(cidr.last - cidr.first) + 1;
  const start = size - blockSize * (index + 1);
  return {
    start: addressAt(cidr, start),
    stop: addressAt(cidr, start + blockSize - 2),
    apiserver: addressAt(cidr, start),
  };
}
