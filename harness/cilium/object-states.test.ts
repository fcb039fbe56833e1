import { expect, test } from "vitest";
import { serviceState } from "./object-states.ts";

test("the addresses of a service are all at which its own cluster serves it", () => {
  const object = (spec: object, ingress: readonly object[] = []) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "shop" },
    spec,
    status: { loadBalancer: { ingress } },
  });
  expect(
    serviceState(
      object(
        { clusterIP: "10.11.0.9", clusterIPs: ["10.11.0.9", "fd00::9"], externalIPs: ["172.18.255.7"] },
        [{ ip: "172.18.255.8" }, { hostname: "lb.example" }],
      ),
    ).addresses,
  ).toEqual(["10.11.0.9", "fd00::9", "172.18.255.8", "172.18.255.7"]);
  expect(serviceState(object({ clusterIP: "None" })).addresses).toEqual([]);
});
