import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diagnoseFiles } from "#harness/jobs/diagnose.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { snapshotOf } from "../snapshot.ts";
import { entriesOf, exampleDump, exampleTime, zipOf } from "./examples.ts";
import { readSysdumps } from "./sysdump.ts";

async function saved(over: Readonly<Record<string, string>>): Promise<string> {
  const path = join(tempFolder("refusals"), "dump.zip");
  await writeFile(path, zipOf(entriesOf({ ...exampleDump(), ...over })));
  return path;
}

async function clusterOf(path: string): Promise<ClusterSnapshot | undefined> {
  const dumps = await readSysdumps(path);
  return snapshotOf(new Map(dumps.map((d) => [d.cluster, d.evidence]))).clusters[0];
}

const log = (pod: string, container: string): string => `d/logs-${pod}-${container}-${exampleTime}.log`;
// The example's archive was begun at 09:59:06.
const line = (account: string, resource: string): string =>
  `2026-11-21T09:58:30Z level=error msg=k8sError error="${resource}.cilium.io is forbidden: User \\"system:serviceaccount:kube-system:${account}\\" cannot list resource \\"${resource}\\" in API group \\"cilium.io\\" at the cluster scope" subsys=k8s\n`;
const json = (text: string): string =>
  `2026-11-21T09:58:30Z ${JSON.stringify({ level: "error", error: text, msg: "k8sError" })}\n`;

const logs = {
  [log("cilium-aaaaa", "cilium-agent")]: line("cilium", "ciliumnodes"),
  [log("cilium-operator-6d5f-abcde", "cilium-operator")]: line("cilium-operator", "ciliumidentities"),
  [log("clustermesh-apiserver-5f-aaaaa", "kvstoremesh")]: "level=info msg=started\n",
  [log("clustermesh-apiserver-5f-aaaaa", "apiserver")]: json(
    'failed calling webhook "a.b.c": failed to call webhook: Post "https://s.n.svc:443/": EOF',
  ),
  // Of the run before.
  [`d/logs-cilium-operator-6d5f-abcde-cilium-operator-${exampleTime}-prev.log`]: line("cilium-operator", "x"),
};

test("what the API server refused is read of the logs of agents, operator and clustermesh-apiserver", async () => {
  const cluster = await clusterOf(await saved(logs));
  const atMs = Date.parse("2026-11-21T09:58:30Z");
  expect(cluster?.refusedRequests).toEqual({
    ok: true,
    value: expect.arrayContaining([
      {
        ...{ container: "cilium-agent", node: "n1", times: 1, atMs },
        text: expect.stringContaining('cannot list resource "ciliumnodes"'),
      },
      {
        ...{ container: "cilium-operator", pod: "cilium-operator-6d5f-abcde", times: 1, atMs },
        text: expect.stringContaining('"ciliumidentities"'),
      },
      {
        container: "apiserver",
        times: 1,
        atMs,
        text: expect.stringMatching(/^failed calling webhook "a.b.c": /),
      },
    ]),
  });
  expect(cluster?.refusedRequests).toHaveProperty("value.length", 3);
});

test("an archive without these logs, or with a damaged one, has no unread part", async () => {
  expect(await diagnoseFiles([await saved({})])).toEqual([]);
  const damaged = entriesOf({ ...exampleDump(), ...logs }).map((e) =>
    e.name.includes("operator-6d5f") ? { ...e, declared: 0 } : e,
  );
  const path = join(tempFolder("refusals"), "damaged.zip");
  await writeFile(path, zipOf(damaged));
  const unread = (await diagnoseFiles([path])).filter((f) => f.severity === "unread").map((f) => f.message);
  expect(unread.filter((m) => m.includes("operator-6d5f"))).toEqual([]);
});

test("objects of an archive say what is wrong with a node and with a namespace", async () => {
  const text = exampleDump();
  const nodes = `d/k8s-nodes-${exampleTime}.yaml`;
  const namespaces = `d/k8s-namespaces-${exampleTime}.yaml`;
  const path = await saved({
    [nodes]: (text[nodes] ?? "").replace(
      'status: "True"',
      'status: "False"\n          reason: KubeletNotReady\n          message: container runtime is down',
    ),
    [namespaces]: (text[namespaces] ?? "").replace(
      "kind: List",
      `  - metadata:
      name: shop
      deletionTimestamp: "2026-11-21T09:50:00Z"
    status:
      conditions:
        - type: NamespaceContentRemaining
          status: "True"
          reason: SomeResourcesRemain
          message: "Some resources are remaining: pods. has 1 resource instances"
kind: List`,
    ),
  });
  expect(await diagnoseFiles([path])).toMatchObject([
    {
      id: "node-down",
      message: "node n1 is not Ready: KubeletNotReady: container runtime is down",
      next: expect.stringMatching(/^on node n1, as root: systemctl start containerd/),
    },
    { id: "namespace-terminating", next: expect.stringMatching(/^kubectl -n shop get pods; /) },
  ]);
});
