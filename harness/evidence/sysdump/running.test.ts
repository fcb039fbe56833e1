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
