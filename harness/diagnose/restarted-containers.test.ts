import { expect, test } from "vitest";
import type { ContainerState, PodState } from "#harness/model/mesh-snapshot.ts";
import { apiserverPod, causesOf, meshWith, ok, pod } from "./healthy-mesh.ts";
import { restartedContainers } from "./restarted-containers.ts";

// The healthy mesh was collected at 10:00.
const at = (time: string): number => Date.parse(`2026-11-21T${time}Z`);
const started = at("06:00:00");

const container = (name: string, over: Partial<ContainerState> = {}): ContainerState => ({
  ...{ name, ready: true, restarts: 0, trouble: "" },
  ...over,
});
const outOfMemory = (time: string, restarts = 9): Partial<ContainerState> => ({
  ...{ restarts, memoryLimit: "64Mi" },
  ended: { reason: "OOMKilled", code: 137, atMs: at(time) },
});
const failed = (time: string, restarts: number, code = 1): Partial<ContainerState> => ({
  restarts,
  ended: { reason: code === 0 ? "Completed" : "Error", code, atMs: at(time) },
});
const found = (pods: readonly PodState[]) => restartedContainers(meshWith({ pods: ok([...pods]) }));
const ofApiserver = (etcd: Partial<ContainerState>, kvstoremesh: Partial<ContainerState> = {}) =>
  found([
    apiserverPod(1, {
      startedMs: started,
      containers: [container("etcd", etcd), container("kvstoremesh", kvstoremesh)],
    }),
  ]);

test("a container that runs and was killed for its memory is named with its limit and the Helm value", () => {
  expect(ofApiserver(outOfMemory("09:56:18"))).toEqual([
    {
      ...{ id: "container-restarts", layer: "control plane", severity: "suspect", cluster: "east" },
      subject: "etcd of east on node-1",
      message:
        "container etcd of clustermesh-apiserver-6d5f-abcde (east, node node-1) was restarted 9 times; it last ended at 2026-11-21T09:56:18Z with OOMKilled (exit code 137, memory limit 64Mi); it runs at the moment; with each restart all that read it, other clusters among them, lose their connection",
      next: "raise its memory limit: clustermesh.apiserver.etcd.resources.limits.memory in the Helm values",
    },
  ]);
  expect(ofApiserver(outOfMemory("06:30:00", 1))).toMatchObject([
    { message: expect.stringContaining(" was restarted once;") },
  ]);
});

test("without a limit the node may have had no memory left", () => {
  const { memoryLimit: _limit, ...unlimited } = outOfMemory("09:56:18");
  expect(ofApiserver(unlimited)).toMatchObject([
    {
      message: expect.stringContaining("with OOMKilled (exit code 137);"),
      next: expect.stringContaining("if it has no limit, the node has too little memory"),
    },
  ]);
});

test("repeated failures count while they are recent", () => {
  expect(ofApiserver({}, failed("09:30:00", 3))).toMatchObject([
    {
      message: expect.stringContaining(
        "container kvstoremesh of clustermesh-apiserver-6d5f-abcde (east, node node-1) was restarted 3 times; it last ended at 2026-11-21T09:30:00Z with Error, exit code 1;",
      ),
      next: "kubectl -n kube-system logs pod/clustermesh-apiserver-6d5f-abcde -c kvstoremesh --previous",
    },
  ]);
  expect(ofApiserver({}, failed("07:00:00", 5))).toHaveLength(1);
  expect(ofApiserver({}, failed("07:00:00", 3))).toEqual([]);
  expect(ofApiserver({}, failed("09:30:00", 2))).toEqual([]);
  expect(ofApiserver({}, failed("09:30:00", 9, 0))).toEqual([]);
});

test("of one pod the container that is out of memory comes first, with the others", () => {
  expect(ofApiserver(outOfMemory("09:56:18", 4), failed("09:56:19", 7))).toMatchObject([
    {
      message: expect.stringContaining(
        "container etcd of clustermesh-apiserver-6d5f-abcde (east, node node-1) was restarted 4 times, kvstoremesh 7 times;",
      ),
    },
  ]);
});

test("restarts while a pod starts, and long ago, are no finding", () => {
  expect(ofApiserver(outOfMemory("06:09:59", 1), failed("06:05:00", 5))).toEqual([]);
  const old = {
    ...outOfMemory("09:00:00"),
    ended: { reason: "OOMKilled", code: 137, atMs: at("09:00:00") - 8 * 86_400_000 },
  };
  expect(
    found([apiserverPod(1, { startedMs: started - 90 * 86_400_000, containers: [container("etcd", old)] })]),
  ).toEqual([]);
});

test("evidence of earlier versions, without times, is not judged", () => {
  expect(ofApiserver({ restarts: 9, ended: { reason: "OOMKilled", code: 137 } })).toEqual([]);
});

test("containers of several pods that ended together ended with their node", () => {
  const agent = pod({
    ...{ namespace: "kube-system", name: "cilium-x7k2p", node: "node-1", startedMs: started },
    labels: { "k8s-app": "cilium" },
    containers: [container("cilium-agent", failed("09:30:00", 6, 255))],
  });
  const other = (node: string) =>
    apiserverPod(1, {
      node,
      startedMs: started,
      containers: [container("etcd", failed("09:30:20", 1, 255))],
    });
  expect(found([agent, other("node-1")])).toEqual([]);
  expect(found([agent, other("node-9")])).toMatchObject([{ subject: "cilium-agent of east on node-1" }]);
});

test("a container that is not ready is the reason for the others, and is named as such", () => {
  const mesh = meshWith({
    pods: ok([
      apiserverPod(1, {
        startedMs: started,
        containers: [
          container("etcd", { ready: false, trouble: "CrashLoopBackOff", ...failed("09:59:00", 12) }),
          container("kvstoremesh", failed("09:59:00", 7)),
        ],
      }),
    ]),
  });
  const ids = causesOf(mesh).map((f) => f.id);
  expect(ids).toContain("container-not-ready");
  expect(ids).not.toContain("container-restarts");
});

test("pods of users, and those that end, are not judged", () => {
  const containers = [container("etcd", outOfMemory("09:56:18"))];
  expect(found([pod({ startedMs: started, containers })])).toEqual([]);
  expect(found([apiserverPod(1, { startedMs: started, containers, ending: true })])).toEqual([]);
});
