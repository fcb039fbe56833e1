import { expect, test } from "vitest";
import type { ClusterSnapshot, MeshSnapshot, PodState, SliceState } from "#harness/model/mesh-snapshot.ts";
import type { SharedPort } from "#harness/model/shared-state.ts";
import { apiserverPod, causesOf, meshWith, ok, pod, service } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const port = (name: string, number = 8080, protocol = "TCP"): SharedPort => ({
  ...{ name, protocol, port: number },
});
const ofWest = (n: number, ports: SharedPort[], over: Partial<PodState> = {}): PodState =>
  pod({ name: `cart-${n}`, ip: `10.2.0.${n}`, node: "node-2", ports, ...over });

const slice = (ports: SharedPort[], addresses: readonly string[], name = "cart-x"): SliceState => ({
  ...{ namespace: "shop", name, service: "cart", mirrored: false, addressType: "IPv4" },
  ...{ labels: {}, annotations: {}, ports },
  endpoints: addresses.map((ip) => ({
    ...{ addresses: [ip], node: "n", ready: true, serving: true, terminating: false },
  })),
});

const cart = service({ targetPorts: ["http"] });
/** East has clients of the service only. */
const clientsOnly: Partial<ClusterSnapshot> = {
  services: ok([cart]),
  pods: ok([apiserverPod(1)]),
  endpoints: ok([]),
  slices: ok([]),
};
/** Its pods are behind these EndpointSlices. */
const serving = (pods: PodState[], slices: SliceState[]): Partial<ClusterSnapshot> => ({
  services: ok([cart]),
  pods: ok([...pods, apiserverPod(2)]),
  endpoints: ok(
    slices.flatMap((s) =>
      s.endpoints.flatMap((e) =>
        e.addresses.map((ip) => ({ namespace: "shop", service: "cart", ip, ready: true })),
      ),
    ),
  ),
  slices: ok(slices),
});
const two = ["10.2.0.5", "10.2.0.6"];
const renamed = serving([ofWest(5, [port("web")]), ofWest(6, [port("web")])], [slice([], two)]);

const told = (mesh: MeshSnapshot): string[] =>
  causesOf(mesh).map((f) => `${f.id} ${f.severity}: ${f.message}`);

test("no cluster has a backend: the target port's name, what the pods have, and the patch", () => {
  const mesh = meshWith(clientsOnly, renamed);
  expect(told(mesh)).toEqual([
    "service-target-port broken: service shop/cart has no backend in any cluster, although 2 of its pods are ready in west: its target port is `http` of TCP, and no container of these pods declares that (they have web 8080/TCP), so the port is missing in its EndpointSlices",
  ]);
  const [finding] = causesOf(mesh);
  const [command, ...others] = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
  expect(others).toEqual([]);
  expect(command).toMatchObject({
    cluster: "west",
    argv: [
      ...["kubectl", "-n", "shop", "patch", "service/cart", "--type", "json", "-p"],
      JSON.stringify([
        { op: "test", path: "/spec/ports/0/targetPort", value: "http" },
        { op: "replace", path: "/spec/ports/0/targetPort", value: "web" },
      ]),
    ],
  });
});

test("another cluster's backends are left", () => {
  const own = [slice([port("http")], ["10.1.0.5"])];
  const mesh = meshWith({ services: ok([cart]), slices: ok(own) }, renamed);
  expect(told(mesh)).toEqual([
    expect.stringMatching(
      /^service-target-port broken: service shop\/cart has no backend in west, although 2/,
    ),
  ]);
});

test("in an archive that has Endpoints only, such pods have no address, and the selector is not blamed", () => {
  const mesh = meshWith(clientsOnly, serving([ofWest(5, [port("web")])], []));
  expect(told(mesh)).toEqual([expect.stringMatching(/^service-target-port broken/)]);
});

test("a port that only exists with another protocol", () => {
  const mesh = meshWith(
    clientsOnly,
    serving([ofWest(5, [port("http", 8080, "UDP")])], [slice([], ["10.2.0.5"])]),
  );
  expect(causesOf(mesh)[0]?.next).toContain('{"op":"replace","path":"/spec/ports/0/protocol","value":"UDP"}');
});

test("some pods without the name are suspect, unless a release is under way", () => {
  const slices = [slice([port("http")], ["10.2.0.5"]), slice([], ["10.2.0.6"], "cart-y")];
  const both = [ofWest(5, [port("http")]), ofWest(6, [port("web")])];
  const mesh = (pods: PodState[]) => meshWith(clientsOnly, serving(pods, slices));
  expect(told(mesh(both))).toEqual([
    "service-target-port suspect: 1 of 2 ready pods of service shop/cart in west are no backends of port http 80/TCP: they have no container port `http` of TCP, as its target port is named (they have http 8080/TCP, web 8080/TCP)",
  ]);
  expect(causesOf(mesh(both))[0]?.next).toContain(
    '{"op":"replace","path":"/spec/ports/0/targetPort","value":8080}',
  );
  expect(told(mesh([...both, ofWest(7, [port("web")], { ready: false })]))).toEqual([]);
});

test("one port of several that nobody has is suspect", () => {
  const two = service({
    ports: [
      { name: "http", protocol: "TCP", port: 80 },
      { name: "metrics", protocol: "TCP", port: 9090 },
    ],
    targetPorts: ["http", "metrics"],
  });
  const own = serving([ofWest(5, [port("http")])], [slice([port("http")], ["10.2.0.5"])]);
  const alone = told(meshWith(clientsOnly, { ...own, services: ok([two]) }))[0];
  expect(alone).toMatch(/^service-target-port suspect: service shop\/cart has no backend for port metrics/);
});

test("where the ports leave it open, no command", () => {
  const many = [port("a"), port("b", 8081)];
  const mesh = meshWith(clientsOnly, serving([ofWest(5, many)], [slice([], ["10.2.0.5"])]));
  const [finding] = causesOf(mesh);
  expect(finding?.next).toBe(
    "set targetPort of port http 80/TCP, spec.ports[0], to one that its pods have (a 8080/TCP, b 8081/TCP), or name the container port that serves it `http` in the template of the pods",
  );
});

test("nothing of a service that is not global, that changes, or that is well", () => {
  const plain = service({ targetPorts: ["http"], annotations: {} });
  const own = { ...renamed, services: ok([plain]) };
  expect(told(meshWith({ ...clientsOnly, services: ok([]) }, own))).toEqual([]);
  expect(told(meshWith(clientsOnly, { ...renamed, changing: ok(["shop/cart"]) }))).toEqual([]);
  const well = serving([ofWest(5, [port("http")])], [slice([port("http")], ["10.2.0.5"])]);
  expect(told(meshWith(clientsOnly, well))).toEqual([]);
});
