import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { withoutAddresses } from "./exhausted-nodes.ts";
import { causesOf, meshWith, ok, pod, west } from "./healthy-mesh.ts";

const message =
  'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "ab": plugin type="cilium-cni" name="cilium" failed (add): unable to allocate IP via local cilium agent: [POST /ipam][502] postIpamFailure "range is full"';
const others = west.pods.ok ? west.pods.value : [];

/** West's agent has given out `used` of 4 addresses, one of them to a pod that is gone if `gone`; a pod waits if `waits`. */
function full({ used = 4, gone = true, waits = true }): Partial<ClusterSnapshot> {
  const owners = [
    "router",
    "health",
    "shop/cart-2",
    gone ? "batch/report-1" : "kube-system/clustermesh-apiserver-6d5f-abcde",
  ];
  const waiting = pod({
    ...{ name: "payments-1", node: "node-2", ip: "", ready: false, labels: { app: "payments" } },
    containers: [{ name: "payments", ready: false, restarts: 0, trouble: "ContainerCreating" }],
    waiting: [{ container: "payments", image: "", reason: "ContainerCreating", message: "" }],
  });
  return {
    pods: ok([...others, ...(waits ? [waiting] : [])]),
    events: ok([
      {
        ...{ namespace: "shop", kind: "Pod", name: "payments-1", reason: "FailedCreatePodSandBox", message },
        at: "2026-11-21T09:59:18Z",
      },
    ]),
    agents: west.agents.map((a) => ({
      ...a,
      ipam: ok({
        pools: [{ used, size: 4, range: "10.2.0.0/29" }],
        owners: owners.slice(0, used).map((owner, i) => ({ ip: `10.2.0.${i + 1}`, owner })),
      }),
    })),
  };
}
const found = (over: Parameters<typeof full>[0]) =>
  withoutAddresses(meshWith({}, full(over))).map((f) => [f.severity, f.message, f.next]);

test("a node without addresses is named with the pods that wait, and not these again", () => {
  expect(found({})).toEqual([
    [
      "broken",
      "the agent of node-2 of west has given out all 4 addresses of 10.2.0.0/29, 1 of them to pods that do not exist any more: shop/payments-1 cannot start (range is full)",
      expect.stringMatching(/spec\.nodeName=node-2; it keeps only the addresses of pods that exist$/),
    ],
  ]);
  expect(causesOf(meshWith({}, full({}))).map((f) => f.id)).toEqual(["node-without-addresses"]);
});

test("where all addresses are of pods that exist, a restart does not help", () => {
  expect(found({ gone: false })[0]?.[2]).toContain("move pods away from node node-2");
});

test("while no pod waits it is suspect; with addresses left it is none", () => {
  expect(found({ waits: false })).toEqual([["suspect", expect.anything(), expect.anything()]]);
  expect(found({ used: 3 })).toEqual([]);
});
