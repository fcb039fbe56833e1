import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { snapshotOf } from "../snapshot.ts";
import { entriesOf, exampleDump, exampleTime, zipOf } from "./examples.ts";
import { readSysdumps } from "./sysdump.ts";

const pod = "cilium-aaaaa";
const bugtool = `d/cilium-bugtool-${pod}-${exampleTime}/cmd`;
const block = (command: string, text: string): string => `# ${command}\n\n\`\`\`\n${text}\n\`\`\`\n`;

async function snapshotOfDump(files: Readonly<Record<string, string>>): Promise<ClusterSnapshot | undefined> {
  const path = join(tempFolder("details"), "dump.zip");
  await writeFile(path, zipOf(entriesOf(files)));
  const dumps = await readSysdumps(path);
  return snapshotOf(new Map(dumps.map((d) => [d.cluster, d.evidence]))).clusters[0];
}

test("a sysdump shows what agents say of encryption, of addresses, and in their logs", async () => {
  const dump = exampleDump();
  const status =
    Object.keys(dump).find((name) => name.startsWith(`${bugtool}/`) && name.includes("-status-")) ?? "";
  const cluster = await snapshotOfDump({
    ...dump,
    [status]: (dump[status] ?? "").replace(
      "ClusterMesh:",
      [
        "IPAM:                   IPv4: 3/254 allocated from 10.1.1.0/24, ",
        "Allocated addresses:",
        "  10.1.1.7 (shop/cart-1)",
        "  10.1.1.8 (router)",
        "  green/10.9.0.1 (shop/cart-2 [restored])",
        "ClusterMesh:",
      ].join("\n"),
    ),
    [`${bugtool}/cilium-dbg-encrypt-status.md`]: block(
      "cilium-dbg encrypt status",
      "Encryption: IPsec                     \nKeys in use: 1                         ",
    ),
    [`${bugtool}/cat--proc-net-xfrm_stat.md`]: block(
      "cat /proc/net/xfrm_stat",
      "XfrmInError             \t0\nXfrmInStateProtoError   \t2036",
    ),
    [`d/logs-${pod}-cilium-agent-${exampleTime}.log`]: [
      '2026-11-21T09:58:00Z time=2026-11-21T09:58:00Z level=info msg="something else"',
      '2026-11-21T09:59:00Z time=2026-11-21T09:59:00Z level=warn msg="Unable to add CiliumNetworkPolicy" ciliumNetworkPolicyName=a k8sNamespace=shop error="no"',
      "",
    ].join("\n"),
  });
  const [first, second] = cluster?.agents ?? [];
  expect(first).toMatchObject({
    encryption: { ok: true, value: { xfrmErrors: { XfrmInStateProtoError: 2036 } } },
    ipam: {
      ok: true,
      value: {
        pools: [{ used: 3, size: 254, range: "10.1.1.0/24" }],
        owners: [
          { ip: "10.1.1.7", owner: "shop/cart-1" },
          { ip: "10.1.1.8", owner: "router" },
          { ip: "10.9.0.1", owner: "shop/cart-2 [restored]" },
        ],
      },
    },
    logged: { ok: true, value: [{ kind: "policy-refused", name: "shop/a", text: "no", times: 1 }] },
  });
  // What an older bugtool does not collect is no unread part.
  expect(second?.encryption).toMatchObject({ ok: false, absent: true });
  expect(cluster?.crashes).toBeUndefined();
});

test("of an agent that crashes, the logs of both runs are read", async () => {
  const others = Object.entries(exampleDump()).filter(([name]) => !name.startsWith(`${bugtool}/`));
  const log = (run: string, why: string) => [
    `d/logs-${pod}-cilium-agent${run}-${exampleTime}.log`,
    `2026-11-21T09:59:00Z time=2026-11-21T09:59:00Z level=fatal msg="${why}"\n`,
  ];
  const cluster = await snapshotOfDump({
    ...Object.fromEntries(others),
    ...Object.fromEntries([log("-prev", "the last run"), log("", "this run")]),
  });
  expect(cluster?.crashes).toMatchObject({
    ok: true,
    value: [{ pod, logged: [{ kind: "fatal", text: "this run", times: 2 }] }],
  });
});
