import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { snapshotOf } from "../snapshot.ts";
import { entriesOf, exampleDump, exampleTime, zipOf } from "./examples.ts";
import { readSysdumps } from "./sysdump.ts";

/** The cluster of an archive with these files besides. */
async function clusterIn(files: Readonly<Record<string, string>>) {
  const path = join(tempFolder("announcements"), "dump.zip");
  await writeFile(path, zipOf(entriesOf({ ...exampleDump(), ...files })));
  const dumps = await readSysdumps(path);
  return snapshotOf(new Map(dumps.map((d) => [d.cluster, d.evidence]))).clusters[0];
}
const list = (...items: readonly object[]): string => toYaml({ apiVersion: "v1", kind: "List", items });

test("a sysdump shows what L2 announcements are decided by: policies, leases and devices", async () => {
  const addresses = [
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536",
    "3: cilium_host@cilium_net: <BROADCAST> mtu 1500",
    "    inet 10.1.0.1/32 scope global cilium_host",
    "32: eth0@if33: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500",
    "    link/ether 02:42:ac:13:00:02 brd ff:ff:ff:ff:ff:ff",
    "    inet 172.19.0.2/16 brd 172.19.255.255 scope global eth0",
  ];
  const files = {
    [`d/ciliuml2announcementpolicies-${exampleTime}.yaml`]: list({
      metadata: { name: "mesh" },
      spec: { interfaces: ["^enp"], loadBalancerIPs: true, nodeSelector: { matchLabels: { a: "b" } } },
    }),
    [`d/k8s-leases-${exampleTime}.yaml`]: list({
      metadata: { name: "cilium-l2announce-kube-system-clustermesh-apiserver", namespace: "kube-system" },
      spec: { holderIdentity: "c1-worker" },
    }),
    [`d/cilium-bugtool-cilium-aaaaa-${exampleTime}/cmd/ip-a.md`]: `# ip a\n\n\`\`\`\n${addresses.join("\n")}\n\`\`\`\n`,
  };
  const cluster = await clusterIn(files);
  expect(cluster?.announcements).toEqual({
    ok: true,
    value: {
      policies: [
        {
          name: "mesh",
          interfaces: ["^enp"],
          nodeSelector: { matchLabels: { a: "b" } },
          loadBalancerIps: true,
        },
      ],
      leases: [
        {
          namespace: "kube-system",
          name: "cilium-l2announce-kube-system-clustermesh-apiserver",
          holder: "c1-worker",
        },
      ],
    },
  });
  const devices = cluster?.nodeStates.flatMap((n) =>
    n.neighbours?.ok ? (n.neighbours.value.devices ?? []) : [],
  );
  expect(devices).toEqual([{ name: "eth0", ips: ["172.19.0.2"], prefixes: ["172.19.0.2/16"], mtu: 1500 }]);
});

test("a sysdump without them says nothing about them", async () => {
  const cluster = await clusterIn({});
  expect(cluster?.announcements).toMatchObject({ ok: false, absent: true });
});

test("a sysdump shows what BGP announces of services", async () => {
  const advertisement = {
    metadata: { name: "lb" },
    spec: {
      advertisements: [
        { advertisementType: "PodCIDR" },
        {
          advertisementType: "Service",
          service: { addresses: ["LoadBalancerIP"] },
          selector: { matchLabels: { bgp: "advertise" } },
        },
      ],
    },
  };
  const files = {
    [`d/ciliumbgpadvertisements-${exampleTime}.yaml`]: list(advertisement),
  };
  const cluster = await clusterIn(files);
  expect(cluster?.announcements).toEqual({
    ok: true,
    value: {
      bgp: [
        {
          title: "CiliumBGPAdvertisement lb",
          selector: { matchLabels: { bgp: "advertise" } },
          loadBalancerIps: true,
        },
      ],
    },
  });
});
