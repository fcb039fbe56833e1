import { expect, test } from "vitest";
import { judgeCondition, judgeExported, judgePorts, judgeSlices, judgeSrv, judgeValue } from "./mcs.ts";

test("a value of an import is compared as a whole, and a missing one is named", () => {
  expect(
    judgeValue("west", { clientIP: { timeoutSeconds: 1 } }, { clientIP: { timeoutSeconds: 1 } }).outcome,
  ).toBe("pass");
  expect(judgeValue("west: session affinity", undefined, "ClientIP").reasons).toEqual([
    'west: session affinity: nothing instead of "ClientIP"',
  ]);
});

test("ports have no order, and a missing protocol is TCP", () => {
  const http = { name: "http", port: 80 };
  const dns = { name: "dns", port: 53, protocol: "UDP" };
  expect(judgePorts("west", [dns, { ...http, protocol: "TCP" }], [http, dns]).outcome).toBe("pass");
  expect(judgePorts("west", [http], [http, dns]).outcome).toBe("fail");
  expect(judgePorts("west", [{ ...http, port: 81 }], [http]).outcome).toBe("fail");
});

test("a missing condition is neither true nor false", () => {
  const conditions = [{ type: "Conflict", status: "True", reason: "PortConflict" }];
  expect(judgeCondition("east", conditions, "Conflict", "True").outcome).toBe("pass");
  expect(judgeCondition("east", conditions, "Conflict", "False").reasons).toEqual([
    "east: condition Conflict is not False: True (PortConflict)",
  ]);
  expect(judgeCondition("east", [], "Valid", "False").reasons).toEqual([
    "east: condition Valid is not False: no such condition",
  ]);
});

test("only what an export names is on the import", () => {
  const wanted = { exported: { a: "1" }, withheld: ["b"] };
  expect(judgeExported("west", { a: "1", c: "3" }, wanted).outcome).toBe("pass");
  expect(judgeExported("west", { a: "2", b: "1" }, wanted).reasons).toEqual([
    'west: a is "2" instead of "1"',
    "west: should not have b",
  ]);
  expect(judgeExported("west", {}, { exported: {}, withheld: [] }).outcome).toBe("fail");
});

test("SRV records: every target with its port, and no other", () => {
  const record = { name: "10-1-2-3.east.echo.ns.svc.clusterset.local", port: 8080 };
  expect(judgeSrv("west", [record], [{ name: "10-1-2-3.", port: 8080 }]).outcome).toBe("pass");
  expect(judgeSrv("west", [record], [{ name: "10-1-2-3.", port: 80 }]).reasons).toHaveLength(2);
  expect(judgeSrv("west", [], [{ name: "10-1-2-3.", port: 8080 }]).outcome).toBe("fail");
  expect(judgeSrv("west", [], []).outcome).toBe("fail");
});

test("an EndpointSlice names service and source, and a manager other than Kubernetes' own", () => {
  const labels = {
    "multicluster.kubernetes.io/service-name": "echo",
    "multicluster.kubernetes.io/source-cluster": "east",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-mesh-controller.cilium.io",
  };
  const wanted = { service: "echo", source: "east", families: ["IPv4"] };
  const reasons = (of: Readonly<Record<string, string>>) =>
    judgeSlices("west", [{ name: "a", family: "IPv4", labels: of }], wanted).reasons;
  expect(reasons(labels)).toEqual([]);
  expect(reasons({})).toHaveLength(3);
  expect(
    reasons({ ...labels, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" }),
  ).toEqual(["west/a: managed by endpointslice-controller.k8s.io, not by a controller of MCS-API"]);
});

test("every address family of the service needs an EndpointSlice, and a service without one proves nothing", () => {
  const labels = {
    "multicluster.kubernetes.io/service-name": "echo",
    "multicluster.kubernetes.io/source-cluster": "east",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-mesh-controller.cilium.io",
  };
  const of = (families: readonly string[], found: readonly string[]) =>
    judgeSlices(
      "west",
      found.map((family) => ({ name: `echo-${family}`, family, labels })),
      { service: "echo", source: "east", families },
    ).reasons;
  expect(of(["IPv4", "IPv6"], ["IPv4", "IPv6"])).toEqual([]);
  expect(of(["IPv4", "IPv6"], ["IPv4"])).toEqual(["west: no IPv6 EndpointSlice of echo from east"]);
  expect(of(["IPv4"], [])).toEqual(["west: no IPv4 EndpointSlice of echo from east"]);
  expect(of([], ["IPv4"])).toEqual([expect.stringContaining("proves nothing")]);
});
