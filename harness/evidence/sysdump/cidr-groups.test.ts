import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { snapshotOf } from "../snapshot.ts";
import { entriesOf, exampleDump, exampleTime, zipOf } from "./examples.ts";
import { readSysdumps } from "./sysdump.ts";

/** The snapshot of a sysdump with these files more. */
async function clusterOf(files: Readonly<Record<string, string>>) {
  const path = join(tempFolder("cidr-groups"), "dump.zip");
  await writeFile(path, zipOf(entriesOf({ ...exampleDump(), ...files })));
  const dumps = await readSysdumps(path);
  return snapshotOf(new Map(dumps.map((d) => [d.cluster, d.evidence]))).clusters[0];
}

test("a sysdump shows the CiliumCIDRGroups and the CiliumNodeConfigs of a cluster", async () => {
  const list = (...items: readonly object[]): string => toYaml({ apiVersion: "v1", kind: "List", items });
  const cluster = await clusterOf({
    [`d/ciliumcidrgroups-${exampleTime}.yaml`]: list(
      { metadata: { name: "office", labels: { site: "x" } }, spec: { externalCIDRs: ["192.0.2.0/24"] } },
      { metadata: { name: "empty" }, spec: {} },
    ),
    [`d/ciliumnodeconfigs-${exampleTime}.yaml`]: list({
      metadata: { name: "edge", namespace: "kube-system" },
      spec: { nodeSelector: { matchLabels: { zone: "b" } }, defaults: { mtu: 1400 } },
    }),
  });
  expect(cluster?.cidrGroups).toEqual({
    ok: true,
    value: [
      { name: "office", labels: { site: "x" }, cidrs: ["192.0.2.0/24"] },
      { name: "empty", labels: {}, cidrs: [] },
    ],
  });
  expect(cluster?.nodeConfigs).toEqual({
    ok: true,
    value: [
      {
        ...{ namespace: "kube-system", name: "edge", defaults: { mtu: "1400" } },
        selector: { matchLabels: { zone: "b" } },
      },
    ],
  });
});

test("one without them does not say that there are none", async () => {
  expect((await clusterOf({}))?.cidrGroups).toMatchObject({ ok: false, absent: true });
});
