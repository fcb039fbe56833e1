import { expect, test } from "vitest";
import { loadBalancerBlock } from "./addresses.ts";

test("LoadBalancer blocks are at the top of the network and do not overlap", () => {
  expect(loadBalancerBlock("172.18.0.0/16", 0)).toEqual({
    start: "172.18.255.224",
    stop: "172.18.255.254",
    apiserver: "172.18.255.224",
  });
  expect(loadBalancerBlock("172.18.0.0/16", 1)).toEqual({
    start: "172.18.255.192",
    stop: "172.18.255.222",
    apiserver: "172.18.255.192",
  });
});
