import { expect, test } from "vitest";
import type { ClusterSnapshot, SliceState } from "#harness/model/mesh-snapshot.ts";
import { cartCluster } from "./example-carts.ts";
import { causesOf, east, meshWith, ok, pod, service, west, withSettings } from "./healthy-mesh.ts";

const edge = pod({
  ...{ name: "edge-1", ip: "172.18.0.1", node: "node-1", hostNetwork: true, labels: { app: "edge" } },
});
const off = { "kube-proxy-replacement": "false", "bpf-lb-sock": "false" };

/** East has no cart of its own; west has. */
function found(
  settings: Record<string, string>,
  { type = "ClusterIP", ...over }: Partial<ClusterSnapshot> & { readonly type?: string } = {},
): [severity: string, message: string, next: string][] {
  const others = east.services.ok ? east.services.value.filter((s) => s.name !== "cart") : [];
  const mesh = meshWith(
    {
      config: withSettings(east, settings).config,
      services: ok([...others, service({ type })]),
      ...{ slices: ok([]), endpoints: ok([]), pods: ok([edge]) },
      ...over,
    },
    cartCluster(west, 2),
  );
  return causesOf(mesh)
    .filter((f) => f.id === "service-kube-proxy")
    .map((f) => [f.severity, f.message, f.next]);
}

test("pods in the host's network reach no backend of another cluster through kube-proxy", () => {
  expect(found(off)).toEqual([
    [
      "suspect",
      "service shop/cart has no ready backend in east and some in west, which kube-proxy of east does not know: it refuses pods in the host's network (shop/edge-1), while Cilium serves other pods",
      expect.stringContaining("--set socketLB.enabled=true --set socketLB.hostNamespaceOnly=true; kubectl"),
    ],
  ]);
  expect(found({ ...off, "bpf-lb-sock": "true" })).toEqual([]);
  expect(found({ "kube-proxy-replacement": "true" })).toEqual([]);
  expect(found(off, { pods: ok([]) })).toEqual([]);
});

test("nor do clients from outside, whatever sockets do", () => {
  expect(found({ ...off, "bpf-lb-sock": "true" }, { type: "NodePort" })).toEqual([
    ["suspect", expect.stringContaining("it refuses clients from outside (NodePort)"), expect.any(String)],
  ]);
});

test("unless it has backends of its own, or copies of those of the other", () => {
  const slice = (mirrored: boolean): SliceState => ({
    ...{ namespace: "shop", name: "cart-x", service: "cart", mirrored, addressType: "IPv4" },
    ...{ labels: {}, annotations: {}, ports: [{ name: "http", protocol: "TCP", port: 8080 }] },
    endpoints: [{ addresses: ["10.2.0.5"], node: "n", ready: true, serving: true, terminating: false }],
  });
  expect(found(off, { slices: ok([slice(true)]) })).toEqual([]);
  expect(found(off, { slices: ok([slice(false)]) })).toEqual([]);
});
