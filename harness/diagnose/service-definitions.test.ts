import { describe, expect, test } from "vitest";
import type { ClusterSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { causesOf, meshWith, ok, pod, service } from "./healthy-mesh.ts";

const between = (
  ofEast: readonly ServiceState[],
  ofWest: readonly ServiceState[],
  version = "1.19.7",
): string[] =>
  causesOf(
    meshWith(
      { services: ok([...ofEast]), ciliumVersion: ok(version) },
      { services: ok([...ofWest]), ciliumVersion: ok(version) },
    ),
  ).map((f) => `${f.id} ${f.severity}: ${f.message}`);

test("a global service that only one cluster has", () => {
  expect(between([service({})], [])).toEqual([
    "service-without-counterpart suspect: service shop/cart is global in east, and west has no service of that name: its clients cannot resolve it",
  ]);
  expect(between([service({ annotations: {} })], [])).toEqual([]);
});

test("the same service in another namespace", () => {
  expect(between([service({})], [service({ namespace: "shop-eu" })]).join("\n")).toContain(
    "service cart is global in namespace shop of east, and in namespace shop-eu of west",
  );
});

test("ports: another name is another port, another number a refused client", () => {
  const named = (name: string, port = 80): ServiceState =>
    service({ ports: [{ name, protocol: "TCP", port }] });
  expect(between([named("http")], [named("web")])).toEqual([
    "service-port-names broken: service shop/cart: port 80 is `http` in east and `web` in west: neither cluster uses the other's backends",
  ]);
  expect(between([named("")], [named("web")])).toEqual([]);
  expect(between([named("http")], [named("http", 8080)])).toEqual([
    "service-ports suspect: service shop/cart has other ports in east (http 80/TCP) than in west (http 8080/TCP): a client that moves is refused",
  ]);
});

test.each([
  ["service.cilium.io/global", "yes", /"yes" is read as "false"/],
  ["service.cilium.io/shared", "0", /"0" is read as "false"/],
  ["service.cilium.io/affinity", "nearest", /is not understood: it counts as none/],
  ["service.cilium.io/global-service", "true", /is no annotation that Cilium knows/],
  ["clustermesh.cilium.io/global", "true", /is for namespaces/],
])("annotation %s: %s is misread", (key, value, message) => {
  const one = service({ annotations: { "service.cilium.io/global": "true", [key]: value } });
  expect(between([one], [service({})]).find((m) => m.startsWith("service-annotation-value"))).toMatch(
    message,
  );
});

test("a mark among the labels is read by nobody", () => {
  const labelled = service({ annotations: {}, labels: { "service.cilium.io/global": "true" } });
  expect(between([labelled], [labelled])).toEqual([
    ...["east", "west"].map(
      (name) =>
        `service-annotation-value suspect: service shop/cart of ${name}: label service.cilium.io/global: "true" has no effect: Cilium reads annotations, and not labels`,
    ),
    expect.stringContaining("service-global-nowhere suspect"),
  ]);
});

test("names in DNS have no backends that could be shared", () => {
  const named = service({ annotations: {}, type: "ExternalName" });
  const own = service({ annotations: {} });
  expect(between([named], [named])).toEqual([]);
  expect(between([named], [own])).toEqual([]);
  expect(between([own], [own])).toEqual([expect.stringContaining("service-global-nowhere")]);
});

test("an affinity that older versions do not understand leaves remote backends out", () => {
  const one = service({
    annotations: { "service.cilium.io/global": "true", "service.cilium.io/affinity": "nearest" },
  });
  expect(between([one], [service({})], "1.19.4").join()).toContain(
    "Cilium 1.19.4 then leaves out the backends",
  );
});

test("True and False are understood, as Cilium does", () => {
  const marks = (shared: string): ServiceState =>
    service({ annotations: { "service.cilium.io/global": "True", "service.cilium.io/shared": shared } });
  expect(between([marks("True")], [marks("False")])).toEqual([
    'service-not-shared suspect: service shop/cart of west does not share its backends (shared: "false")',
  ]);
});

test("an exported service needs no annotation; one that nobody exports is global in none", () => {
  const plain = service({ annotations: {} });
  const exported = { serviceExports: ok([{ namespace: "shop", name: "cart" }]) };
  const mesh = meshWith({ services: ok([plain]), ...exported }, { services: ok([plain]) });
  expect(causesOf(mesh)).toEqual([]);
  expect(between([plain], [plain]).join()).toContain("global in none of them");
});

test("the services that Cilium makes for imports are not compared", () => {
  const derived = service({
    name: "derived-0a1b2c",
    labels: { "multicluster.kubernetes.io/service-name": "cart" },
  });
  const plain = service({ annotations: {} });
  expect(between([plain, derived], [plain])).toEqual([]);
});

test("clients without any backend", () => {
  const empty = { endpoints: ok([]), pods: ok([pod({ name: "other", labels: { app: "other" } })]) };
  const nobody = causesOf(meshWith(empty, empty)).filter((f) => f.id === "service-without-backend");
  expect(nobody.map((f) => f.message)).toEqual([
    "clients of service shop/cart in east have no backend: no ready pod of any cluster is selected by app=cart",
    "clients of service shop/cart in west have no backend: no ready pod of any cluster is selected by app=cart",
  ]);
  const unshared = service({
    annotations: { "service.cilium.io/global": "true", "service.cilium.io/shared": "false" },
  });
  const kept = causesOf(meshWith(empty, { services: ok([unshared]) }));
  expect(kept[0]?.message).toBe(
    "clients of service shop/cart in east have no backend: west has some and does not share them",
  );
  expect(causesOf(meshWith(empty))).toEqual([]);
});

test("a global service in a namespace that is not, from 1.20 on", () => {
  const namespaces = ok([{ name: "shop", annotations: { "clustermesh.cilium.io/global": "false" } }]);
  const of = (version: string): (string | undefined)[] =>
    causesOf(meshWith({ namespaces, ciliumVersion: ok(version) })).map((f) => f.id);
  expect(of("1.20.2")).toContain("service-namespace-not-global");
  expect(of("1.19.7")).not.toContain("service-namespace-not-global");
});

describe("a service that is not global, beside one that is", () => {
  const empty = { endpoints: ok([]), pods: ok([pod({ name: "other", labels: { app: "other" } })]) };
  const told = (value: string | undefined, over: Partial<ClusterSnapshot> = empty) =>
    causesOf(
      meshWith(
        {
          ...over,
          services: ok([service({ annotations: value === undefined ? {} : { [annotation.global]: value } })]),
        },
        { services: ok([service({})]) },
      ),
    ).map((f) => `${f.id} ${f.severity}`);

  test("is broken if it has no ready backend of its own", () => {
    expect(told("yes")).toEqual(["service-annotation-value broken", "service-global-in-part broken"]);
    expect(told(undefined)).toEqual(["service-global-in-part broken"]);
  });

  test("is only suspect if it has some, or if nobody shares any", () => {
    expect(told("yes", {})).toEqual(["service-annotation-value suspect", "service-global-in-part suspect"]);
    const nobody = meshWith({ ...empty, services: ok([service({ annotations: {} })]) }, empty);
    expect(
      causesOf(nobody)
        .filter((f) => f.cluster === "east")
        .map((f) => f.severity),
    ).toEqual(["suspect"]);
  });
});
