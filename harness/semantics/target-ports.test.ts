import { describe, expect, test } from "vitest";
import type { PodState, ServiceState, SliceState } from "#harness/model/mesh-snapshot.ts";
import type { SharedPort } from "#harness/model/shared-state.ts";
import { portRepair, type ServiceBackends, unresolvedPorts } from "./target-ports.ts";

const port = (name: string, number: number, protocol = "TCP"): SharedPort => ({
  ...{ name, protocol, port: number },
});

const service = (over: Partial<ServiceState> = {}): ServiceState => ({
  ...{ namespace: "shop", name: "cart", type: "ClusterIP", clusterIp: "10.11.0.9", loadBalancerIp: "" },
  ...{ annotations: {}, selector: { app: "cart" }, ports: [port("http", 80)], targetPorts: ["http"] },
  ...over,
});

const pod = (n: number, ports: SharedPort[] | undefined, over: Partial<PodState> = {}): PodState => ({
  ...{ namespace: "shop", name: `cart-${n}`, node: "n", ip: `10.1.0.${n}`, hostNetwork: false },
  ...{ ready: true, ending: false, labels: { app: "cart" }, containers: [] },
  ...(ports === undefined ? {} : { ports }),
  ...over,
});

const slice = (
  ports: SharedPort[],
  numbers: readonly number[],
  over: Partial<SliceState> = {},
): SliceState => ({
  ...{ namespace: "shop", name: "cart-x", service: "cart", mirrored: false, addressType: "IPv4" },
  ...{ labels: {}, annotations: {}, ports },
  endpoints: numbers.map((n) => ({
    ...{ addresses: [`10.1.0.${n}`], node: "n", ready: true, serving: true, terminating: false },
  })),
  ...over,
});

const web = [port("web", 8080)];
const http = [port("http", 8080)];
/** How many of the ready backends have each port that some do not have. */
const counts = (of: Partial<ServiceBackends>): string[] =>
  unresolvedPorts({ service: service(), slices: [], pods: [], ...of }).map(
    (p) => `${p.index} ${p.target} ${p.resolved}/${p.ready}`,
  );

describe("ports that lead to no pod", () => {
  test("a name that no container has", () => {
    expect(counts({ slices: [slice([], [5, 6])], pods: [pod(5, web), pod(6, web)] })).toEqual(["0 http 0/2"]);
    expect(counts({ slices: [slice([], [5])], pods: [pod(5, [port("http", 8080, "UDP")])] })).toEqual([
      "0 http 0/1",
    ]);
  });

  test("without pods that are known, the EndpointSlices tell; without those, the pods do", () => {
    expect(counts({ slices: [slice([], [5])], pods: undefined })).toEqual(["0 http 0/1"]);
    expect(counts({ slices: [slice([], [5])], pods: [pod(5, undefined)] })).toEqual(["0 http 0/1"]);
    expect(counts({ slices: [], pods: [pod(5, web)] })).toEqual(["0 http 0/1"]);
    expect(counts({ slices: [], pods: [pod(5, undefined)] })).toEqual([]);
    expect(counts({ slices: [], pods: [] })).toEqual([]);
  });

  test("one of several ports, and one that only some pods have", () => {
    const two = service({ ports: [port("http", 80), port("admin", 81)], targetPorts: [8080, "admin"] });
    expect(
      counts({ service: two, slices: [slice([port("http", 8080)], [5])], pods: [pod(5, http)] }),
    ).toEqual(["1 admin 0/1"]);
    const slices = [slice(http, [5, 6]), slice([], [7], { name: "cart-y" })];
    const pods = [pod(5, http), pod(6, http), pod(7, web)];
    expect(counts({ slices, pods })).toEqual(["0 http 2/3"]);
  });

  test("nothing of a service that is well, or that needs no number", () => {
    const slices = [slice([], [5])];
    const pods = [pod(5, web)];
    expect(counts({ slices: [slice(http, [5])], pods: [pod(5, http)] })).toEqual([]);
    expect(counts({ service: service({ targetPorts: [8080] }), slices, pods })).toEqual([]);
    expect(counts({ service: service({ clusterIp: "None" }), slices, pods })).toEqual([]);
    expect(counts({ service: service({ selector: {} }), slices, pods })).toEqual([]);
    expect(counts({ service: service({ type: "ExternalName" }), slices, pods })).toEqual([]);
    const { targetPorts: _, ...older } = service();
    expect(counts({ service: older, slices, pods })).toEqual([]);
    expect(counts({ slices: [slice([], [5], { mirrored: true })], pods: [] })).toEqual([]);
  });

  test("while pods and EndpointSlices change, nothing is concluded", () => {
    // The pods have the name already.
    expect(counts({ slices: [slice([], [5])], pods: [pod(5, http)] })).toEqual([]);
    const both = [slice(http, [5]), slice([], [6], { name: "cart-y" })];
    expect(counts({ slices: both, pods: [pod(5, http), pod(6, http)] })).toEqual([]);
    // A release is under way.
    expect(
      counts({ slices: both, pods: [pod(5, http), pod(6, web), pod(7, web, { ready: false })] }),
    ).toEqual([]);
    // An address that moves from one slice to the other is in both.
    expect(counts({ slices: [slice(http, [5]), slice([], [5], { name: "cart-y" })], pods: [] })).toEqual([]);
  });
});

describe("what to change", () => {
  const repairOf = (ports: readonly SharedPort[][], over: Partial<ServiceState> = {}) => {
    const pods = ports.map((p, i) => pod(i + 5, p));
    const of = {
      service: service(over),
      slices: [
        slice(
          [],
          ports.map((_, i) => i + 5),
        ),
      ],
      pods,
    };
    const [first] = unresolvedPorts(of);
    return first === undefined ? "nothing" : portRepair(of, first);
  };

  test("the only port that every pod has, by its name, or by its number", () => {
    expect(repairOf([web, web])).toEqual({ targetPort: "web", of: port("web", 8080) });
    expect(repairOf([web, [port("", 8080)]])).toEqual({ targetPort: 8080, of: port("", 8080) });
    expect(repairOf([[port("", 8080)]])).toEqual({ targetPort: 8080, of: port("", 8080) });
  });

  test("of several, the service's own number, or the one that is not for operators", () => {
    const many = [port("web", 8080), port("metrics", 9090)];
    expect(repairOf([many])).toMatchObject({ targetPort: "web" });
    expect(repairOf([[port("a", 80), port("b", 81)]])).toMatchObject({ targetPort: "a" });
    expect(repairOf([[port("a", 8080), port("b", 8081)]])).toBeUndefined();
    expect(repairOf([[]])).toBeUndefined();
    // Another port of the service leads to the first one.
    expect(
      repairOf([[port("a", 8080), port("b", 8081)]], {
        ports: [port("http", 80), port("other", 81)],
        targetPorts: ["http", "a"],
      }),
    ).toMatchObject({ targetPort: "b" });
  });

  test("the protocol, where the name is one of another protocol", () => {
    const dns = [port("http", 53, "UDP")];
    expect(repairOf([dns])).toEqual({ protocol: "UDP", of: port("http", 53, "UDP") });
    const both = { ports: [port("http", 80), port("http-udp", 80, "UDP")], targetPorts: ["http", "http"] };
    expect(repairOf([dns], both)).toEqual({ targetPort: 53, of: port("http", 53, "UDP") });
  });
});
