import { expect, test } from "vitest";
import { firstLines } from "./plan-examples.ts";

interface Side {
  readonly values?: object;
  readonly block?: object;
  readonly spec?: object;
  readonly ip?: string;
  readonly policy?: object;
}

const l2 = { l2announcements: { enabled: true } };
const bgp = { bgpControlPlane: { enabled: true } };
const policy = {
  apiVersion: "cilium.io/v2alpha1",
  kind: "CiliumL2AnnouncementPolicy",
  metadata: { name: "lan" },
  spec: { loadBalancerIPs: true },
};
const advert = {
  apiVersion: "cilium.io/v2",
  kind: "CiliumBGPAdvertisement",
  metadata: { name: "lb" },
  spec: { advertisements: [{ advertisementType: "Service", service: { addresses: ["LoadBalancerIP"] } }] },
};
const fromTo = { start: "192.168.77.200", stop: "192.168.77.220" };

const files = (name: string, id: number, peer: string, side: Side) => ({
  [`${name}.yaml`]: [
    {
      cluster: { name, id },
      image: { tag: "v1.19.7" },
      ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
      clustermesh: {
        useAPIServer: true,
        config: { enabled: true, clusters: [{ name: peer, ips: [side.ip ?? `192.0.2.${id}`], port: 2379 }] },
      },
      ...(side.values ?? l2),
    },
    {
      apiVersion: "cilium.io/v2",
      kind: "CiliumLoadBalancerIPPool",
      metadata: { name: "rack" },
      spec: side.spec ?? { blocks: [side.block ?? fromTo] },
    },
    ...(side.policy === undefined ? [] : [side.policy]),
  ],
});
const linesOf = async (a: Side, b: Side): Promise<string[]> =>
  (await firstLines({ ...files("alpha", 1, "beta", a), ...files("beta", 2, "alpha", b) })).filter((line) =>
    line.includes("load balancer addresses"),
  );

test("addresses that two clusters announce by L2, and a peer among them", async () => {
  const [line, ...more] = await linesOf({ policy, ip: "192.168.77.201" }, { policy });
  expect(more).toEqual([]);
  expect(line).toMatch(
    /^alpha, beta: load balancer addresses: they overlap: alpha 192\.168\.77\.200-192\.168\.77\.220 \(CiliumLoadBalancerIPPool rack, L2\), beta .*; alpha contacts beta at 192\.168\.77\.201, which .* \[yes\]$/,
  );
});

test.each<[string, Side, Side]>([
  ["no policy among the files", {}, {}],
  ["BGP", { values: bgp, policy: advert }, { values: bgp, policy: advert }],
  ["BGP in one of them", { policy }, { values: bgp, policy: advert }],
])("may be meant, or not in force, with %s", async (_, a, b) => {
  expect(await linesOf(a, b)).toEqual([expect.stringMatching(/\[perhaps\]$/)]);
});

test.each([
  ["a CIDR with host bits", { cidr: "192.168.77.217/29" }],
  ["one address", { start: "192.168.77.220" }],
])("a block is a range, too: %s", async (_, block) => {
  expect(await linesOf({ policy }, { policy, block })).toHaveLength(1);
});

test.each<[string, Side]>([
  ["disjoint", { policy, block: { start: "192.168.77.221", stop: "192.168.77.230" } }],
  ["of another family", { policy, block: { cidr: "fd00::/112" } }],
  ["filled in later", { policy, block: { start: "${FIRST}", stop: "${LAST}" } }],
  ["disabled", { policy, spec: { disabled: true, blocks: [fromTo] } }],
  ["not announced", { policy, values: { l2announcements: { enabled: false } } }],
])("nothing where a pool is %s", async (_, b) => {
  expect(await linesOf({ policy }, b)).toEqual([]);
});
