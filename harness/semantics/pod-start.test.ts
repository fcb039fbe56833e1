import { expect, test } from "vitest";
import type { EventState, PodState } from "#harness/model/mesh-snapshot.ts";
import { creationCause, podStartCause, startCause, withoutDetails } from "./pod-start.ts";

test.each([
  [
    'MountVolume.SetUp failed for volume "etcd-admin-client" : secret "clustermesh-apiserver-admin-cert" not found',
    "waits for Secret clustermesh-apiserver-admin-cert, which does not exist",
  ],
  [
    'configmap "clustermesh-remote-users" not found',
    "waits for ConfigMap clustermesh-remote-users, which does not exist",
  ],
  ['Error: secret "db" not found', "waits for Secret db, which does not exist"],
  [
    "Error: couldn't find key password in Secret shop/db",
    "waits for key password of Secret db, which does not have it",
  ],
  [
    'MountVolume.SetUp failed for volume "tls" : references non-existent secret key: tls.crt',
    "waits for key tls.crt of the Secret of volume tls, which does not have it",
  ],
  [
    'Failed to pull image "registry.example/app:v2": rpc error: code = NotFound desc = failed to resolve reference "registry.example/app:v2": registry.example/app:v2: not found',
    "needs image registry.example/app:v2, which cannot be pulled: no registry has it",
  ],
  [
    'Failed to pull image "a:b": pull access denied, repository does not exist or may require authorization',
    "needs image a:b, which cannot be pulled: no registry has it",
  ],
  [
    'Container image "quay.io/cilium/x:v1" is not present with pull policy of Never',
    "needs image quay.io/cilium/x:v1, which its node does not have and may not pull",
  ],
  [
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {a: b}. preemption: 0/2 nodes are available.",
    "fits no node: 1 Insufficient cpu, 1 node(s) had untolerated taint {a: b}",
  ],
  [
    'Error creating: pods "x-1" is forbidden: exceeded quota: small, requested: limits.cpu=1, used: limits.cpu=1, limited: limits.cpu=1',
    "exceeds ResourceQuota small (it requests limits.cpu=1)",
  ],
  [
    'Error creating: pods "x-" is forbidden: error looking up service account kube-system/cilium: serviceaccount "cilium" not found',
    "waits for ServiceAccount cilium, which does not exist",
  ],
  ["Readiness probe failed: HTTP probe failed with statuscode: 500", undefined],
])("%j", (message, what) => {
  expect(startCause(message)?.what).toBe(what);
});

const pod = (over: Partial<PodState> = {}): PodState => ({
  namespace: "kube-system",
  name: "clustermesh-apiserver-1-a",
  node: "n",
  ip: "",
  hostNetwork: false,
  ready: false,
  ending: false,
  labels: {},
  containers: [{ name: "etcd", ready: false, restarts: 0, trouble: "PodInitializing" }],
  waiting: [{ container: "etcd-init", image: "i", reason: "PodInitializing", message: "" }],
  ...over,
});

const event = (over: Partial<EventState> = {}): EventState => ({
  namespace: "kube-system",
  kind: "Pod",
  name: "clustermesh-apiserver-1-a",
  reason: "FailedMount",
  message: 'MountVolume.SetUp failed for volume "v" : secret "s" not found',
  at: "2026-11-21T10:00:00Z",
  ...over,
});

test("a pod that waits for its volumes waits for what the latest event names", () => {
  const later = event({ message: 'configmap "c" not found', at: "2026-11-21T10:05:00Z" });
  expect(podStartCause(pod(), [event(), later])?.missing).toEqual({ kind: "ConfigMap", name: "c" });
});

test("an event of an earlier attempt is no cause once a container ran, nor of another pod, nor of a ready one", () => {
  const crashing = pod({
    containers: [{ name: "etcd", ready: false, restarts: 3, trouble: "CrashLoopBackOff" }],
  });
  expect(podStartCause(crashing, [event()])).toBeUndefined();
  expect(podStartCause(pod(), [event({ name: "another" })])).toBeUndefined();
  expect(podStartCause(pod({ ready: true }), [event()])).toBeUndefined();
  expect(podStartCause(pod({ ending: true }), [event()])).toBeUndefined();
  // Its containers run and are not ready yet.
  const slow = pod({ containers: [{ name: "etcd", ready: false, restarts: 0, trouble: "" }], waiting: [] });
  const { waiting: _, ...running } = slow;
  expect(podStartCause(running, [event()])).toBeUndefined();
});

test("an image that cannot be pulled, with the reason of the pull", () => {
  const backing = pod({
    waiting: [
      {
        container: "etcd",
        image: "a/b:1",
        reason: "ImagePullBackOff",
        message: 'Back-off pulling image "a/b:1"',
      },
    ],
  });
  const pulled = event({
    reason: "Failed",
    message: 'Failed to pull image "a/b:1": dial tcp: lookup a: no such host',
  });
  expect(podStartCause(backing, [])?.what).toBe("needs image a/b:1, which cannot be pulled");
  expect(podStartCause(backing, [pulled])?.what).toBe(
    "needs image a/b:1, which cannot be pulled: no such host",
  );
});

test("a pod without a node, and one that cannot be created", () => {
  const none = pod({ node: "", unscheduled: "0/1 nodes are available: 1 Insufficient memory." });
  expect(podStartCause(none, [])?.what).toBe("fits no node: 1 Insufficient memory");
  const refused = event({ kind: "ReplicaSet", name: "clustermesh-apiserver-1", reason: "FailedCreate" });
  const workload = { namespace: "kube-system", name: "clustermesh-apiserver" };
  expect(creationCause(workload, [refused])?.missing?.name).toBe("s");
  expect(creationCause({ ...workload, name: "cilium-operator" }, [refused])).toBeUndefined();
  // The name of another workload begins with that of the DaemonSet.
  const cilium = { ...workload, kind: "DaemonSet", name: "clustermesh" };
  expect(creationCause(cilium, [refused])).toBeUndefined();
  expect(creationCause({ ...cilium, name: refused.name }, [refused])).toBeDefined();
});

test("what is kept of another user's warning has no more than the missing object", () => {
  expect(withoutDetails('MountVolume.SetUp failed for volume "v" : secret "s" not found')).toBe(
    'secret "s" not found',
  );
  expect(withoutDetails('Failed to pull image "private.example/x"')).toBe("");
});
