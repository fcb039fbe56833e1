import { addressAt, type Cidr, parseCidr } from "#harness/lib/cidr.ts";

/** Addresses for LoadBalancer services: one block per cluster, off the top of the lab's network. */
export interface LoadBalancerBlock {
  readonly start: string;
  readonly stop: string;
  /** The first one is clustermesh-apiserver's, known before anything is installed. */
  readonly apiserver: string;
}

const blockSize = 32;

/** Docker hands out addresses from the bottom of a subnet; blocks are taken from its top, the broadcast left out. */
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
