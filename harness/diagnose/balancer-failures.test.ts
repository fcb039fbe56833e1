import { expect, test } from "vitest";
import type { EventState, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { causesOf, meshWith, ok, remote, service, west } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const words = "failed to ensure load balancer: unsupported load balancer affinity: ClientIP";
const refused = (namespace: string, name: string, over: Partial<EventState> = {}): EventState => ({
  ...{ namespace, kind: "Service", name, reason: "SyncLoadBalancerFailed", message: words },
  ...{ at: "2026-11-21T09:57:40Z", ...over },
});
const pending = { type: "LoadBalancer", loadBalancerIp: "" } as const;

/** East contacts west at the NodePort that its service had before. */
function meshOf(events: readonly EventState[], over: Partial<ServiceState> = {}): MeshSnapshot {
  const services = west.services.ok
    ? west.services.value.map((s) =>
        s.name === "clustermesh-apiserver"
          ? {
              ...s,
              ...pending,
              outerPorts: [2379],
              ports: [{ name: "", protocol: "TCP", port: 2379 }],
              ...over,
            }
          : s,
      )
    : [];
  return meshWith(
    { kvstoreMesh: ok([remote("west", 2, false)]) },
    { services: ok(services), events: ok([...events]) },
  );
}
const idsOf = (...args: Parameters<typeof meshOf>) => causesOf(meshOf(...args)).map((f) => f.id);

test("clustermesh-apiserver whose load balancer is refused, with the reason, and no port that would not help", () => {
  const events = [refused("kube-system", "clustermesh-apiserver")];
  const [first] = causesOf(meshOf(events));
  expect(first).toMatchObject({
    ...{ id: "apiserver-without-address", cluster: "west" },
    message: expect.stringContaining(`has no address: ${words}; KVStoreMesh of east is not connected to it`),
  });
  const [command] = first === undefined ? [] : remedyCommands(first, ["east", "west"]);
  expect(command?.argv.at(-1)).toBe("clustermesh.apiserver.service.enableSessionAffinity=Never");
  for (const outerPorts of [[2379], [31234, 2379]]) {
    const ids = idsOf(events, { outerPorts });
    expect(ids).not.toContain("peer-port");
    expect(ids).not.toContain("service-without-address");
  }
});

test("without a reason, a node port that it has now is named, if there is one", () => {
  expect(idsOf([])[0]).toBe("apiserver-without-address");
  const byNodes = causesOf(meshOf([], { outerPorts: [2379, 31234] }))[0];
  expect(byNodes).toMatchObject({ id: "peer-port", next: expect.stringContaining("to 31234, unless") });
  // Warnings about something else are no reason.
  const other = refused("kube-system", "clustermesh-apiserver", { reason: "FailedToUpdateEndpointSlices" });
  expect(causesOf(meshOf([other]))[0]?.message).not.toContain(words);
});

test("a service of users", () => {
  const found = (over: Partial<ServiceState>) =>
    causesOf(
      meshWith({
        services: ok([service({ ...pending, ...over })]),
        events: ok([refused("shop", "cart")]),
        // Nothing of Cilium's assigns addresses.
        loadBalancerPools: ok(0),
      }),
    ).filter((f) => f.id === "service-without-address");
  expect(found({})).toMatchObject([
    {
      message: `service shop/cart of east has no LoadBalancer address: ${words}`,
      next: expect.stringContaining(
        'patch service/cart --type merge -p \'{"spec":{"sessionAffinity":"None"}}\'',
      ),
    },
  ]);
  expect(found({ loadBalancerName: "a1.elb.example.net" })).toEqual([]);
});
