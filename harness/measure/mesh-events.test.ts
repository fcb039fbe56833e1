import { expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KindRef, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { MeshEvents } from "./mesh-events.ts";

type Report = (objects: readonly KubeObject[]) => void;

interface Follower {
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly report: Report;
}

/** A cluster whose objects change as a test says. */
function fakeCluster() {
  const followers: Follower[] = [];
  const kube = {
    follow: async ({ kind }: KindRef, { namespace }: { namespace?: string }, report: Report) => {
      followers.push({ kind, namespace, report });
    },
  };
  return {
    cluster: { name: "east", kube } as unknown as Cluster,
    becomes: ({ kind }: KindRef, namespace: string | undefined, objects: readonly KubeObject[]): void => {
      for (const f of followers) if (f.kind === kind && f.namespace === namespace) f.report(objects);
    },
  };
}

const config = (value: string): KubeObject => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", data: { "policy-default-local-cluster": value } },
  metadata: { name: "cilium-config", namespace: "kube-system" },
});
const node = (isReady: boolean): KubeObject => ({
  ...{ apiVersion: "v1", kind: "Node", metadata: { name: "east-worker" } },
  status: { conditions: [{ type: "Ready", status: isReady ? "True" : "Unknown" }] },
});
const pod = (name: string): KubeObject => ({
  ...{ apiVersion: "v1", kind: "Pod", spec: { nodeName: "east-worker2" } },
  metadata: { name, namespace: "mp-standing", uid: name },
});

test("a change of what policies without a cluster label select leads to every later interval", async () => {
  const { cluster, becomes } = fakeCluster();
  await using events = new MeshEvents([cluster]);
  becomes(kinds.configMap, "kube-system", [config("false")]);
  becomes(kinds.configMap, "kube-system", [config("true")]);
  const later = unixNowMs() + 3_600_000;
  expect(events.between(later, later + 1000)).toEqual([]);
  expect(events.leadingTo(later, later + 1000)).toEqual([
    expect.objectContaining({
      what: "policy-default-local-cluster of east is true, was false: policies without a cluster label select its own pods only",
      cluster: "east",
      kind: "policy meaning",
    }),
  ]);
});

test("what happens to disturbed objects follows from the disturbance; the rest does not", async () => {
  const { cluster, becomes } = fakeCluster();
  await using events = new MeshEvents([cluster]);
  const since = unixNowMs();
  becomes(kinds.node, undefined, [node(true)]);
  becomes(kinds.pod, "mp-standing", [pod("echo-east-1")]);
  {
    using _ = events.disturbing(["east-worker", "echo-east"]);
    becomes(kinds.node, undefined, [node(false)]);
    becomes(kinds.pod, "mp-standing", [pod("server")]);
  }
  becomes(kinds.node, undefined, [node(true)]);
  expect(events.between(since, unixNowMs() + 1).map((e) => [e.what, e.kind])).toEqual([
    ["node east-worker of east not ready", "disturbance"],
    ["pod server of east on east-worker2 made", undefined],
    ["pod echo-east-1 of east on east-worker2 gone", "disturbance"],
    ["node east-worker of east ready", undefined],
  ]);
  expect(events.nodeOf("server")).toBe("east-worker2");
});

test("what lasts leads to every interval until its end", async () => {
  await using events = new MeshEvents([]);
  const down = events.lasting("node a reboots", { kind: "disturbance" });
  const later = unixNowMs() + 100_000;
  expect(events.leadingTo(later, later + 5000)).toEqual([
    expect.objectContaining({ what: "node a reboots", untilMs: 5000 }),
  ]);
  down[Symbol.dispose]();
  expect(events.leadingTo(later, later + 5000)).toEqual([]);
});
