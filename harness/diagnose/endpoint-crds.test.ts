import { expect, test } from "vitest";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { exampleMesh } from "#harness/semantics/example-mesh.ts";
import { endpointCrds } from "./endpoint-crds.ts";
import { ok, withSettings } from "./healthy-mesh.ts";
import { heldState } from "./held-state.ts";

const off = { "disable-endpoint-crd": "true" };
const westAs = (change: (west: ClusterSnapshot) => ClusterSnapshot): MeshSnapshot => ({
  clusters: exampleMesh({ nodes: 2, pods: 6, services: 2 }).clusters.map((c) =>
    c.name === "west" ? change(c) : c,
  ),
});
/** Those of pods that a test keeps; the example's pods alternate between the nodes west-0 and west-1. */
const withEndpoints = (cluster: ClusterSnapshot, keeps: (pod: string) => boolean): ClusterSnapshot => ({
  ...cluster,
  ciliumEndpoints: cluster.ciliumEndpoints.ok
    ? ok(cluster.ciliumEndpoints.value.filter((e) => keeps(e.name)))
    : cluster.ciliumEndpoints,
});
const noEndpoints = (cluster: ClusterSnapshot) => withEndpoints(cluster, () => false);

test("one finding explains that no pod has a CiliumEndpoint, and deletes none", () => {
  const mesh = westAs((west) => withSettings(noEndpoints(west), off));
  expect(endpointCrds(mesh)).toMatchObject([
    {
      ...{ id: "endpoints-disabled", severity: "broken", cluster: "west" },
      message: expect.stringContaining(
        "disable-endpoint-crd is true in west, and none of its 6 pods has a CiliumEndpoint",
      ),
      next: expect.stringMatching(
        /^set disableEndpointCRD=false, .*--set disableEndpointCRD=false; kubectl -n kube-system rollout restart daemonset\/cilium/,
      ),
    },
  ]);
  expect(heldState(mesh)).toEqual([]);
});

test("without the setting, what is missing is named as it was", () => {
  const mesh = westAs(noEndpoints);
  expect(endpointCrds(mesh)).toEqual([]);
  expect(heldState(mesh)[0]?.message).toContain("the API server of west lacks CiliumEndpoint");
});

test("agents that ignore the setting, because policies are on, write CiliumEndpoints", () => {
  const mesh = westAs((west) =>
    withSettings(
      withEndpoints(west, (pod) => pod !== "pod-0"),
      off,
    ),
  );
  expect(endpointCrds(mesh)).toEqual([]);
  expect(heldState(mesh)[0]?.message).toContain("lacks CiliumEndpoint shop/pod-0");
});

test("with a kvstore, agents write addresses there", () => {
  const kvstore = { ...off, "identity-allocation-mode": "kvstore" };
  const mesh = westAs((west) => withSettings(noEndpoints(west), kvstore));
  expect(endpointCrds(mesh)).toEqual([]);
  expect(
    heldState(mesh)
      .map((f) => f.message)
      .join(),
  ).not.toContain("CiliumEndpoint");
});

test("a CiliumNodeConfig turns them off for its nodes", () => {
  const edge: Readonly<Record<string, string>> = { edge: "" };
  const config = { namespace: "kube-system", name: "edge", selector: { matchLabels: edge } };
  const mesh = westAs((west) => {
    const own = west.pods.ok ? west.pods.value.filter((p) => p.node === "west-1").map((p) => p.name) : [];
    return {
      ...withEndpoints(west, (pod) => !own.includes(pod)),
      nodes: west.nodes.ok
        ? ok(west.nodes.value.map((n) => ({ ...n, labels: n.name === "west-1" ? edge : {} })))
        : west.nodes,
      nodeConfigs: ok([{ ...config, defaults: off }]),
    };
  });
  expect(endpointCrds(mesh)).toMatchObject([
    {
      message: expect.stringContaining("is true in west on node west-1, and none of its 3 pods"),
      next: "take disable-endpoint-crd out of CiliumNodeConfig kube-system/edge; kubectl -n kube-system delete pod -l k8s-app=cilium --field-selector spec.nodeName=west-1",
    },
  ]);
  expect(heldState(mesh)).toEqual([]);
});
