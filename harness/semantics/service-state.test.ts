import { describe, expect, test } from "vitest";
import type { ServiceState, SliceState } from "#harness/model/mesh-snapshot.ts";
import type { SharedPort } from "#harness/model/shared-state.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import type { PeerState } from "./peer-state.ts";
import { serviceExpectation } from "./service-state.ts";

const port = (name: string, number: number): SharedPort => ({ name, protocol: "TCP", port: number });

interface Case {
  readonly annotations?: Record<string, string>;
  readonly frontend?: readonly SharedPort[];
  readonly local?: readonly SharedPort[];
  readonly remote?: readonly SharedPort[];
  readonly version?: string;
  readonly own?: Partial<SliceState["endpoints"][number]>;
  readonly service?: Partial<ServiceState>;
  readonly settings?: Record<string, string>;
}

const global = { "service.cilium.io/global": "True" };

function expectationOf(c: Case) {
  const own: ClusterObjects = {
    ...{
      name: "east",
      id: 1,
      version: c.version ?? "1.19.4",
      hasApiserver: true,
      settings: c.settings ?? {},
    },
    services: [
      {
        ...{ namespace: "shop", name: "cart", type: "ClusterIP", clusterIp: "10.11.0.9", loadBalancerIp: "" },
        ...{ annotations: c.annotations ?? global, selector: {}, labels: {}, clusterIps: ["10.11.0.9"] },
        ports: [...(c.frontend ?? [port("http", 80)])],
        ...c.service,
      },
    ],
    slices: [
      {
        ...{ namespace: "shop", name: "cart-x", service: "cart", mirrored: false, addressType: "IPv4" },
        ...{ labels: {}, annotations: {}, ports: [...(c.local ?? [port("http", 8080)])] },
        endpoints: [
          { addresses: ["10.1.0.7"], node: "w", ready: true, serving: true, terminating: false, ...c.own },
        ],
      },
    ],
  };
  const remote = {
    ...{ name: "west/shop/cart", clusterId: 2, frontends: {} },
    backends: { "10.2.0.7": [...(c.remote ?? [port("http", 8080)])] },
  };
  const peer: PeerState = {
    name: "west",
    config: { id: 2, maxConnectedClusters: 255 },
    state: {
      ...{ nodes: new Map(), addresses: new Map(), identities: new Map(), slices: new Map() },
      ...{ exports: new Map(), services: new Map([[remote.name, { value: remote, origin: "" }]]) },
    },
  };
  return serviceExpectation(own, [peer]);
}

const backendsOf = (c: Case, node = "w"): string[][] | undefined =>
  expectationOf(c)?.frontends.map((f) => [...f.backends(node).keys()]);

const both = [["10.1.0.7:8080", "10.2.0.7:8080"]];
const east = [["10.1.0.7:8080"]];
const west = [["10.2.0.7:8080"]];

describe("backends by port name", () => {
  test("a named frontend takes backends of that name, or without a name", () => {
    expect(backendsOf({})).toEqual(both);
    expect(backendsOf({ remote: [port("web", 8080)] })).toEqual(east);
    expect(backendsOf({ remote: [port("", 8080)] })).toEqual(both);
    expect(backendsOf({ frontend: [port("", 80)], remote: [port("web", 8080)] })).toEqual(both);
  });

  test("two ports with one target port reach the same backends", () => {
    const two = [port("direct", 8080), port("remapped", 8080)];
    const frontend = [port("direct", 8080), port("remapped", 80)];
    expect(backendsOf({ frontend, local: two, remote: two })).toEqual([...both, ...both]);
  });

  test("another protocol or family is another frontend's", () => {
    expect(backendsOf({ remote: [{ ...port("http", 8080), protocol: "UDP" }] })).toEqual(east);
    expect(backendsOf({ service: { clusterIps: ["fd00::9"] } })).toEqual([[]]);
    expect(
      backendsOf({ service: { clusterIps: ["fd00::9"] }, settings: { "enable-ipv6": "false" } }),
    ).toEqual([]);
  });
});

describe("backends by annotation", () => {
  const affinity = (value: string) => ({ ...global, "service.cilium.io/affinity": value });

  test("remote ones only if the service is global here", () => {
    expect(backendsOf({ annotations: {} })).toEqual(east);
    expect(backendsOf({ annotations: { "service.cilium.io/global": "yes" } })).toEqual(east);
  });

  test("affinity", () => {
    expect(backendsOf({ annotations: affinity("Local") })).toEqual(east);
    expect(backendsOf({ annotations: affinity("remote") })).toEqual(west);
    expect(backendsOf({ annotations: affinity("local"), own: { ready: false } })).toEqual(both);
    expect(backendsOf({ annotations: affinity("remote"), remote: [] })).toEqual(east);
    // Known defect affinity-none.
    expect(backendsOf({ annotations: affinity("none"), version: "1.18.11" })).toEqual(east);
    expect(backendsOf({ annotations: affinity("none"), version: "1.19.4" })).toEqual(east);
    expect(backendsOf({ annotations: affinity("none"), version: "1.20.2" })).toEqual(both);
  });
});

test("internalTrafficPolicy Local leaves out backends of other nodes of the cluster, and keeps remote ones", () => {
  expect(backendsOf({ service: { internalLocal: true } }, "w")).toEqual(both);
  expect(backendsOf({ service: { internalLocal: true } }, "other")).toEqual(west);
});

test("a service that other objects decide on is named, not judged", () => {
  const topology = { service: { topology: true }, settings: { "enable-service-topology": "true" } };
  expect([...(expectationOf(topology)?.notJudged ?? [])]).toEqual([
    ["shop/cart", "it prefers backends of a zone or node"],
  ]);
  const slices = expectationOf({
    version: "1.20.2",
    settings: { "clustermesh-service-v2": "prefer-endpointslice" },
  });
  expect([...(slices?.notJudged.values() ?? [])]).toEqual(["the services of west are not known"]);
});
