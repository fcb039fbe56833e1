import { expect, test } from "vitest";
import type { ClusterSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { east, healthy, pod, west } from "./example-clusters.ts";
import { ok } from "./healthy-mesh.ts";
import { heldState } from "./held-state.ts";
import { unmanagedPods } from "./unmanaged-pods.ts";

const early = Date.parse("2026-11-21T09:25:00Z");
/** West with two more pods, without endpoints; its agent has given out `owners`. */
function withPods(owners: readonly string[] | undefined, over: Partial<PodState> = {}): ClusterSnapshot {
  const own = west.pods.ok ? west.pods.value : [];
  const pods = ["cart-1", "cart-2"].map((name, i) =>
    pod({ namespace: "app", name, ip: `10.2.0.${20 + i}`, node: "west-worker", startedMs: early, ...over }),
  );
  const agent = pod({
    ...{ namespace: "kube-system", name: "cilium-abcde", ip: "172.18.0.2", node: "west-worker" },
    ...{ labels: { "k8s-app": "cilium" }, hostNetwork: true, startedMs: early + 180_000, containers: [] },
  });
  return {
    ...west,
    pods: ok([...own, ...pods, agent]),
    agents: [
      {
        ...west.agents[0],
        ...(owners === undefined
          ? {}
          : { ipam: ok({ pools: [], owners: owners.map((ip) => ({ ip, owner: "app/x" })) }) }),
      },
    ],
  };
}
const found = (of: ClusterSnapshot) =>
  unmanagedPods({ clusters: [east, of] }).map((f) => [f.id, f.message, f.next]);

test("pods without an endpoint whose addresses the agent did not give out are not Cilium's", () => {
  expect(found(withPods(["10.2.0.5"]))).toEqual([
    [
      "pod-unmanaged",
      "pods cart-1 (10.2.0.20), cart-2 (10.2.0.21) of namespace app of west have no CiliumEndpoint, and the agents of their nodes did not give them their addresses: Cilium does not manage them; they started before the agent",
      "replace them: kubectl -n app delete pod/cart-1 pod/cart-2",
    ],
  ]);
  const states = heldState({ clusters: [east, withPods(["10.2.0.5"])] }).map((f) => f.message);
  expect(states.filter((m) => m.includes("CiliumEndpoint"))).toEqual([]);
});

test("where the agent knows them, lists no address or was not read, they are no finding", () => {
  expect(found(withPods(["10.2.0.20", "10.2.0.21"]))).toEqual([]);
  expect(found(withPods([]))).toEqual([]);
  expect(found(withPods(undefined))).toEqual([]);
  expect(unmanagedPods(healthy)).toEqual([]);
});

test("nor are pods in the network of their node, or pods that end", () => {
  expect(found(withPods(["10.2.0.5"], { hostNetwork: true }))).toEqual([]);
  expect(found(withPods(["10.2.0.5"], { ending: true }))).toEqual([]);
});
