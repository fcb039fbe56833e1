import { expect, test } from "vitest";
import type { KubeObject } from "#harness/kube/kube.ts";
import { labServices, servicesNotAsked } from "./lab-objects.ts";

const service = (name: string, spec: object, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "shop", annotations },
  spec,
});
const selector = { app: "x" };
const objects = [
  service("many", {
    selector,
    ports: [
      { port: 80, targetPort: "web" },
      { port: 53, protocol: "UDP" },
      { port: 9, protocol: "SCTP" },
    ],
  }),
  service("sticky", {
    selector,
    ports: [{ port: 80 }],
    sessionAffinity: "ClientIP",
    internalTrafficPolicy: "Local",
  }),
  service("headless", { selector, clusterIP: "None" }),
  service("away", { type: "ExternalName", externalName: "a.b" }),
  service("by-hand", { ports: [{ port: 80 }] }),
  service("outside", { selector, ports: [{ port: 80 }], externalTrafficPolicy: "Local" }),
];

test("services with backends of their own, with every port of TCP and UDP", () => {
  expect(
    labServices(objects).map((s) => [s.name, s.ports.map((p) => `${p.port}/${p.protocol}`).join()]),
  ).toEqual([
    ["many", "80/TCP,53/UDP"],
    ["sticky", "80/TCP"],
    ["headless", ""],
    ["outside", "80/TCP"],
  ]);
  expect(labServices(objects)[1]).toMatchObject({ sticky: true, nodeLocal: true, headless: false });
});

test("what is not asked is named", () => {
  expect(servicesNotAsked(objects).map((n) => `${n.service}: ${n.why}`)).toEqual([
    "shop/many: port 9: SCTP is not asked",
    "shop/away: ExternalName: a name outside the mesh",
    "shop/by-hand: no selector: its backends are written by hand",
    "shop/outside: externalTrafficPolicy Local: clients outside the cluster are not asked",
  ]);
});
