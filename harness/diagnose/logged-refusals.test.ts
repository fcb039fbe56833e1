import { expect, test } from "vitest";
import type { ClusterSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { east, west } from "./example-clusters.ts";
import { ok, withSettings } from "./healthy-mesh.ts";
import { loggedRefusals } from "./logged-refusals.ts";

const text = "Invalid CiliumNetworkPolicy spec: combining ToServices and ToPorts is not supported yet";
const policy: PolicyObject = {
  ...{ kind: "CiliumNetworkPolicy" as const, namespace: "shop", name: "read-only", generation: 1 },
  specs: [{ endpointSelector: {}, ingress: [{}] }],
};
const refusing = (policies: readonly PolicyObject[], name = "shop/read-only"): ClusterSnapshot => ({
  ...withSettings(west, { "identity-allocation-mode": "crd" }),
  policyObjects: ok([...policies]),
  agents: [
    { ...west.agents[0], logged: ok([{ kind: "policy-refused" as const, name, text, times: 1, atMs: 1 }]) },
  ],
});
const found = (of: ClusterSnapshot) =>
  loggedRefusals({ clusters: [east, of] }).map((f) => [f.id, f.severity, f.message]);

test("a policy that agents refused and that was not changed since has no effect", () => {
  expect(found(refusing([policy]))).toEqual([
    [
      "policy-refused",
      "broken",
      `CiliumNetworkPolicy shop/read-only of west: the agents of west-worker refused it (${text}): it has no effect, so nothing that it allows or denies counts`,
    ],
  ]);
  const clusterwide = { ...policy, kind: "CiliumClusterwideNetworkPolicy" as const, namespace: "" };
  expect(found(refusing([clusterwide], "read-only"))).toHaveLength(1);
});

test("one that was changed may have been corrected", () => {
  for (const generation of [{ generation: 2 }, {}]) {
    const { generation: _, ...unknown } = policy;
    expect(found(refusing([{ ...unknown, ...generation }]))).toEqual([
      ["policy-refused", "suspect", expect.stringContaining("unless it was corrected since")],
    ]);
  }
});

test("a policy that is gone, or that a setting explains, is not named here", () => {
  expect(found(refusing([]))).toEqual([]);
  const http = {
    ...policy,
    specs: [{ endpointSelector: {}, ingress: [{ toPorts: [{ rules: { http: [{}] } }] }] }],
  };
  expect(found(withSettings(refusing([http]), { "enable-l7-proxy": "false" }))).toEqual([]);
});
