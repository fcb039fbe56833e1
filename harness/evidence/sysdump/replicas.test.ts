import { expect, test } from "vitest";
import type { KubeObject } from "#harness/kube/kube.ts";
import { snapshotOf } from "../snapshot.ts";
import { replicaEvidence } from "./replicas.ts";

const [a, b] = ["clustermesh-apiserver-5f-aaaaa", "clustermesh-apiserver-5f-bbbbb"] as const;

const pod = (name: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "kube-system" },
  spec: { containers: ["etcd", "apiserver", "kvstoremesh"].map((c) => ({ name: c })) },
  status: { phase: "Running" },
});

const status = (ready: boolean): string => JSON.stringify([{ name: "c2", ready, connected: ready }]);
const list = (ip: string): string =>
  `# cilium/state/ip/v1/default/${ip}\n${JSON.stringify({ IP: ip, HostIP: "172.18.0.3", ID: 65900 })}\n\n`;
const troubleshoot = (step: string): string => `Cluster "c2":\n${step}\n`;

const filesOf = (name: string, ready: boolean): [string, string][] => [
  [`${name}-kvstoremesh-status.json`, status(ready)],
  [`${name}-kvstoremesh-troubleshoot.txt`, troubleshoot(ready ? "✅ connected" : "❌ Cannot establish TCP")],
  [`${name}-apiserver-kvstore-list.txt`, list(ready ? "10.1.0.1" : "10.1.0.2")],
  [`logs-${name}-kvstoremesh.log`, ""],
];

const both = new Map([...filesOf(a, false), ...filesOf(b, true)]);
const source = { pods: [pod(a), pod(b)], cilium: "1.19.1", skipped: () => undefined };
const clusterOf = (files: ReadonlyMap<string, string>, pods = source.pods) => {
  const [cluster] = snapshotOf(new Map([["c1", replicaEvidence({ ...source, pods, files })]])).clusters;
  if (cluster === undefined) throw new Error("one cluster");
  return cluster;
};
const unreadOf = ({ unreadFiles }: ReturnType<typeof clusterOf>): string[] =>
  unreadFiles?.ok === true ? unreadFiles.value.map((f) => `${f.what}: ${f.why}`) : [];

test("each replica is read and named, whichever is first", () => {
  const cluster = clusterOf(both);
  expect(cluster.kvstoreMesh).toMatchObject({
    value: [
      { pod: a, ready: false },
      { pod: b, ready: true },
    ],
  });
  expect(cluster.kvstoreMeshTrouble).toEqual({
    ok: true,
    value: [{ pod: a, peer: "c2", step: "Cannot establish TCP" }],
  });
  expect(cluster.kvstores?.map((k) => [k.pod, k.state.own.addresses[0]?.ip])).toEqual([
    [a, "10.1.0.2"],
    [b, "10.1.0.1"],
  ]);
  expect(unreadOf(cluster)).toEqual([]);
});

test("of one replica nothing has its name", () => {
  const cluster = clusterOf(new Map(filesOf(a, true)), [pod(a)]);
  expect(cluster.kvstoreMesh).toMatchObject({ ok: true, value: [{ name: "c2" }] });
  expect(JSON.stringify(cluster)).not.toContain(a);
});

test("a replica whose files are missing is unread, though another was read", () => {
  expect(unreadOf(clusterOf(new Map(filesOf(b, true))))).toEqual([
    expect.stringMatching(new RegExp(`^the status of KVStoreMesh in ${a}: the archive has no status`)),
    expect.stringMatching(new RegExp(`^the log of KVStoreMesh in ${a}: the archive has no logs-`)),
    expect.stringMatching(new RegExp(`^the kvstore in ${a}: the archive has no output of kvstore list`)),
  ]);
});

test.each([
  ["an empty file", ""],
  ["the words of an error", "Error: timed out\n"],
  ["a file that is cut off", list("10.1.0.1").slice(0, 60)],
])("%s is no kvstore", (_, text) => {
  const files = new Map([...filesOf(a, true), [`${a}-apiserver-kvstore-list.txt`, text] as const]);
  const { kvstore } = clusterOf(files, [pod(a)]);
  expect(kvstore).toMatchObject({ ok: false });
  expect(kvstore).not.toHaveProperty("absent");
  // Both containers print the same etcd.
  files.set(`${a}-kvstoremesh-kvstore-list.txt`, list("10.1.0.1"));
  expect(clusterOf(files, [pod(a)]).kvstore).toMatchObject({ ok: true });
});

test("a kvstore that is missing was expected only where both versions print it", () => {
  const rest = filesOf(a, true).filter(([name]) => !name.includes("kvstore-list"));
  const { kvstore: older } = clusterOf(new Map(rest), [pod(a)]);
  expect(older).toMatchObject({ ok: false, absent: true });
  const by = (version: string) => {
    const log = `🔍 Collecting sysdump with cilium-cli version: ${version}, args: [sysdump]\n`;
    return clusterOf(new Map([...rest, ["cilium-sysdump.log", log]]), [pod(a)]).kvstore;
  };
  for (const version of ["v0.18.3", "v1.18.0-pre.3", "(devel)"])
    expect(by(version)).toMatchObject({ ok: false, absent: true });
  expect(by("v0.19.7")).toMatchObject({ ok: false });
  expect(by("v0.19.7")).not.toHaveProperty("absent");
});

test("troubleshoot is expected where the status of KVStoreMesh is there", () => {
  const without = filesOf(a, true).filter(([name]) => !name.includes("troubleshoot"));
  expect(clusterOf(new Map(without), [pod(a)]).kvstoreMeshTrouble).not.toHaveProperty("absent");
  const older = without.filter(([name]) => !name.includes("status"));
  expect(clusterOf(new Map(older), [pod(a)]).kvstoreMeshTrouble).toMatchObject({ absent: true });
});
