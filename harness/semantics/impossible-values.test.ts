import { describe, expect, test } from "vitest";
import { refusedValues, valuesRefused } from "./chart-refusals.ts";

const refused = (values: Record<string, unknown>): string[] =>
  valuesRefused(values, "1.20.2").map(({ path, shown, who }) => `${who} ${path}: ${shown}`);

describe("a port that is none", () => {
  test.each([
    [{ tunnelPort: 70_000 }, "agents of Cilium 1.20.2 do not start with tunnelPort: 70000"],
    [{ tunnelPort: -1 }, "agents of Cilium 1.20.2 do not start with tunnelPort: -1"],
    [
      { clustermesh: { apiserver: { service: { nodePort: 323_790 } } } },
      "nothing can work with clustermesh.apiserver.service.nodePort: 323790",
    ],
    [
      {
        clustermesh: {
          config: {
            clusters: [
              { name: "b", port: 2379 },
              { name: "c", port: 327_380 },
            ],
          },
        },
      },
      "nothing can work with clustermesh.config.clusters: port 327380 of c",
    ],
    [
      { clustermesh: { config: { clusters: { c: { port: 327_380 } } } } },
      "nothing can work with clustermesh.config.clusters: port 327380 of c",
    ],
  ])("%j", (values, line) => {
    expect(refused(values)).toEqual([line]);
  });

  test("is no matter where it is a text for later, or of a part that is off", () => {
    expect(refused({ tunnelPort: 0 })).toEqual([]);
    expect(refused({ k8sServicePort: "auto" })).toEqual([]);
    expect(refused({ hubble: { enabled: false, relay: { service: { nodePort: 99_999 } } } })).toEqual([]);
  });
});

describe("a CIDR that is none", () => {
  const pools = (...list: unknown[]) => ({ ipam: { operator: { clusterPoolIPv4PodCIDRList: list } } });
  const operator = "cilium-operator 1.20.2 does not start with ipam.operator.clusterPoolIPv4PodCIDRList";

  test("among the pools: only it is shown", () => {
    expect(refused(pools("10.1.0.0/16", "10.300.0.0/16"))).toEqual([`${operator}: 10.300.0.0/16`]);
    expect(refused(pools("10.1.0.0"))).toEqual([`${operator}: 10.1.0.0`]);
    expect(refused(pools("fd00::/104"))).toEqual([`${operator}: fd00::/104`]);
    expect(refusedValues(pools("10.300.0.0/16"), "1.20.2")).toMatchObject([
      {
        grade: "serious",
        message: expect.stringContaining("which is 10.300.0.0/16: it must be an IPv4 CIDR"),
      },
    ]);
  });

  test("of native routing", () => {
    expect(refused({ ipv4NativeRoutingCIDR: "10.0.0.0/33" })).toEqual([
      "agents of Cilium 1.20.2 do not start with ipv4NativeRoutingCIDR: 10.0.0.0/33",
    ]);
  });

  test.each([
    ["one with host bits", pools("10.1.2.3/16")],
    ["several in one text", pools("10.1.0.0/16 10.2.0.0/16")],
    ["one that is filled in", pools("$" + "{POD_CIDR}", "{{ .cidr }}")],
    ["pools that are not used", { ...pools("x"), ...{ ipam: { ...pools("x").ipam, mode: "kubernetes" } } }],
    ["pools of a family that is off", { ipv4: { enabled: false }, ipv6: { enabled: true }, ...pools("x") }],
    ["an empty one", { ipv6NativeRoutingCIDR: "" }],
  ])("%s is none of them", (_, values) => {
    expect(refused(values)).toEqual([]);
  });
});
