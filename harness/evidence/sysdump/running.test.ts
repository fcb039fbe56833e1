import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { snapshotOf } from "../snapshot.ts";
import { entriesOf, exampleDump, exampleTime, zipOf } from "./examples.ts";
import { meshUsersOfValues } from "./peers.ts";
import { readSysdumps } from "./sysdump.ts";

async function snapshotOfDump(over: Readonly<Record<string, string>>): Promise<ClusterSnapshot | undefined> {
  const path = join(tempFolder("running"), "dump.zip");
  await writeFile(path, zipOf(entriesOf({ ...exampleDump(), ...over })));
  const dumps = await readSysdumps(path);
  return snapshotOf(new Map(dumps.map((d) => [d.cluster, d.evidence]))).clusters[0];
}

test("a sysdump shows the tunnel devices of its agents, and the users of etcd for other clusters", async () => {
  const links = [
    "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP",
    "7: cilium_vxlan: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN",
    "    vxlan external id 0 srcport 0 0 dstport 8473 nolearning",
    "    RX:  bytes packets errors",
  ];
  const cluster = await snapshotOfDump({
    [`d/cilium-bugtool-cilium-aaaaa-${exampleTime}/cmd/ip--d--s--s-l.md`]: `# ip -d -s -s l\n\n\`\`\`\n${links.join("\n")}\n\`\`\`\n`,
    [`d/cilium-helm-values-${exampleTime}.yaml`]: toYaml({
      clustermesh: { useAPIServer: true, config: { clusters: [{ name: "c2", port: 2379 }] } },
    }),
  });
  const [first, second] = cluster?.agents ?? [];
  expect(first).toMatchObject({
    tunnels: { ok: true, value: [{ protocol: "vxlan", up: false, port: 8473 }] },
    startedWith: { ok: true, value: {} },
  });
  // What an older bugtool does not collect is no unread part.
  expect(second?.tunnels).toMatchObject({ ok: false, absent: true });
  expect(cluster?.meshUsers).toEqual({ ok: true, value: ["remote", "remote-c2"] });
});

test("a sysdump shows the MTU of a node's devices, and of its routes to pods of other nodes", async () => {
  const folder = `d/cilium-bugtool-cilium-aaaaa-${exampleTime}/cmd`;
  const output = (command: string, ...lines: readonly string[]): string =>
    `# ${command}\n\n\`\`\`\n${lines.join("\n")}\n\`\`\`\n`;
  const cluster = await snapshotOfDump({
    [`${folder}/ip-a.md`]: output(
      "ip a",
      "4: cilium_vxlan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9001 qdisc noqueue state UNKNOWN",
      "34: eth0@if35: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9001 qdisc noqueue state UP",
      "    inet 172.19.0.3/16 brd 172.19.255.255 scope global eth0",
    ),
    [`${folder}/ip--4-r.md`]: output(
      "ip -4 r",
      "default via 172.19.0.1 dev eth0",
      "10.1.1.0/24 via 10.1.1.144 dev cilium_host proto kernel src 10.1.1.144",
      "10.2.0.0/24 via 10.1.1.144 dev cilium_host proto kernel src 10.1.1.144 mtu 8951",
    ),
  });
  expect(cluster?.nodeStates.map((n) => n.neighbours)).toContainEqual({
    ok: true,
    value: {
      ...{ permanent: [], own: [], routeMtu: 8951 },
      devices: [{ name: "eth0", ips: ["172.19.0.3"], prefixes: ["172.19.0.3/16"], mtu: 9001 }],
    },
  });
});

test("users by the values of the chart: with authMode legacy only one, without clustermesh-apiserver none is known", () => {
  const values = (authMode: string) => ({
    clustermesh: {
      useAPIServer: true,
      apiserver: { tls: { authMode } },
      config: { clusters: { c2: { port: 2379 }, c3: null } },
    },
  });
  expect(meshUsersOfValues(values("legacy"))).toEqual(["remote"]);
  expect(meshUsersOfValues(values("cluster"))).toEqual(["remote", "remote-c2", "remote-c3"]);
  expect(meshUsersOfValues({ clustermesh: { useAPIServer: false } })).toBe(undefined);
  expect(meshUsersOfValues(undefined)).toBe(undefined);
});
