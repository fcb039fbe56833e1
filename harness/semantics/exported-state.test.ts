import { describe, expect, test } from "vitest";
import type { ServiceState, SliceState } from "#harness/model/mesh-snapshot.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import { exportedState } from "./exported-state.ts";

const http = { name: "http", protocol: "TCP", port: 8080 };

const service = (over: Partial<ServiceState> = {}): ServiceState => ({
  ...{ namespace: "shop", name: "cart", type: "ClusterIP", clusterIp: "10.11.0.9", loadBalancerIp: "" },
  annotations: { "service.cilium.io/global": "True" },
  ...{ selector: {}, labels: {}, clusterIps: ["10.11.0.9"] },
  ports: [{ name: "http", protocol: "TCP", port: 80 }],
  ...over,
});

const endpoint = (ip: string, over: Partial<SliceState["endpoints"][number]> = {}) => ({
  ...{ addresses: [ip], node: "w", ready: true, serving: true, terminating: false },
  ...over,
});

const slice = (over: Partial<SliceState> = {}): SliceState => ({
  ...{ namespace: "shop", name: "cart-x", service: "cart", mirrored: false, addressType: "IPv4" },
  ...{ labels: {}, annotations: {}, ports: [http], endpoints: [endpoint("10.1.0.7")] },
  ...over,
});

const identity = (id: number, namespace: string) => ({
  id,
  labels: ["k8s:app=x", `k8s:io.kubernetes.pod.namespace=${namespace}`],
});

const objects = (over: Partial<ClusterObjects> = {}): ClusterObjects => ({
  ...{ name: "east", id: 1, version: "1.20.2", hasApiserver: true },
  settings: { "clustermesh-default-global-namespace": "true" },
  namespaces: [
    { name: "shop", annotations: {} },
    { name: "kept", annotations: { "clustermesh.cilium.io/global": "False" } },
  ],
  pods: [],
  ciliumEndpoints: [
    { namespace: "shop", name: "a", ip: "10.1.0.7", ipv6: "fd00::7", identity: 65900, hostIp: "172.18.0.3" },
    { namespace: "kept", name: "b", ip: "10.1.0.8", identity: 65901, hostIp: "172.18.0.3" },
    { namespace: "gone", name: "c", ip: "10.1.0.9", identity: 65902, hostIp: "172.18.0.3" },
  ],
  ciliumIdentities: [identity(65900, "shop"), identity(65901, "kept"), identity(65902, "gone")],
  services: [service(), service({ namespace: "kept" })],
  slices: [slice(), slice({ namespace: "kept" })],
  serviceExports: [
    { namespace: "shop", name: "cart" },
    { namespace: "kept", name: "cart" },
    { namespace: "shop", name: "without-service" },
  ],
  ...over,
});

const names = (state: ReturnType<typeof exportedState>) => ({
  addresses: [...(state.addresses?.keys() ?? [])],
  identities: [...(state.identities?.keys() ?? [])],
  services: [...(state.services?.keys() ?? [])],
  slices: [...(state.slices?.keys() ?? [])],
});

describe("which namespaces count", () => {
  test("1.20: only existing global ones, for all that is exported", () => {
    expect(names(exportedState(objects()))).toEqual({
      addresses: ["10.1.0.7", "fd00::7"],
      identities: ["65900"],
      services: ["east/shop/cart"],
      slices: ["east/shop/cart-x"],
    });
  });

  test("1.19: for addresses and identities, not for services; no EndpointSlices are exported", () => {
    expect(names(exportedState(objects({ version: "1.19.7", settings: {} })))).toEqual({
      addresses: ["10.1.0.7", "fd00::7"],
      identities: ["65900"],
      services: ["east/shop/cart", "east/kept/cart"],
      slices: [],
    });
  });

  test("1.18: all", () => {
    expect(names(exportedState(objects({ version: "1.18.11", settings: {} })))).toMatchObject({
      addresses: ["10.1.0.7", "fd00::7", "10.1.0.8", "10.1.0.9"],
      identities: ["65900", "65901", "65902"],
    });
  });

  test("with the default off, only those that are marked", () => {
    const off = objects({ settings: { "clustermesh-default-global-namespace": "false" } });
    expect(names(exportedState(off))).toEqual({ addresses: [], identities: [], services: [], slices: [] });
  });

  test("unknown namespaces, or any other list that decides, make a kind unknown, not empty", () => {
    const state = exportedState(objects({ namespaces: undefined }));
    expect([state.addresses, state.identities, state.services, state.slices]).toEqual(
      Array(4).fill(undefined),
    );
    expect(exportedState(objects({ slices: undefined })).services).toBeUndefined();
    expect(exportedState(objects({ ciliumEndpoints: undefined })).addresses).toBeUndefined();
    expect(exportedState(objects({ ciliumNodes: undefined })).nodes).toBeUndefined();
  });

  test("an agent's own kvstore gets every address, and its identities are known from it alone", () => {
    const state = exportedState(objects({ hasApiserver: false }));
    expect(state.addresses?.size).toBe(4);
    expect(state.identities).toBeUndefined();
  });
});

describe("services", () => {
  const cart = (over: Partial<ClusterObjects>) =>
    exportedState(objects(over)).services?.get("east/shop/cart")?.value;

  test("backends that are ready or serve, by port name, of own IPv4 and IPv6 slices only", () => {
    const slices = [
      slice({
        endpoints: [
          endpoint("10.1.0.7"),
          endpoint("10.1.0.10", { ready: false }),
          endpoint("10.1.0.11", { ready: false, serving: false }),
        ],
      }),
      slice({ name: "mirrored", mirrored: true, endpoints: [endpoint("10.2.0.7")] }),
      slice({ name: "fqdn", addressType: "FQDN", endpoints: [endpoint("a.example")] }),
    ];
    expect(cart({ slices })).toEqual({
      name: "east/shop/cart",
      clusterId: 1,
      frontends: { "10.11.0.9": [{ name: "http", protocol: "TCP", port: 80 }] },
      backends: { "10.1.0.7": [http], "10.1.0.10": [http] },
    });
  });

  test("a headless one has no frontend; one of another proxy, or not shared, is not exported", () => {
    expect(cart({ services: [service({ clusterIp: "None", clusterIps: ["None"] })] })?.frontends).toEqual({});
    const other = service({ labels: { "service.kubernetes.io/service-proxy-name": "other" } });
    expect(cart({ services: [other] })).toBeUndefined();
    const kept = service({
      annotations: { "service.cilium.io/global": "true", "service.cilium.io/shared": "False" },
    });
    expect(cart({ services: [kept] })).toBeUndefined();
  });

  test("in the mode only-endpointslice slices are exported, and no service", () => {
    const state = exportedState(objects({ settings: { "clustermesh-service-v2": "only-endpointslice" } }));
    expect([state.services?.size, state.slices?.size]).toEqual([0, 1]);
  });

  test("ServiceExports count where the MCS API is on, and their service exists", () => {
    expect(exportedState(objects()).exports?.size).toBe(0);
    const on = { "clustermesh-enable-mcs-api": "true" };
    expect([...(exportedState(objects({ settings: on })).exports?.keys() ?? [])]).toEqual(["east/shop/cart"]);
    const old = exportedState(objects({ settings: on, version: "1.19.7" }));
    expect([...(old.exports?.keys() ?? [])]).toEqual(["east/shop/cart", "east/kept/cart"]);
  });
});
