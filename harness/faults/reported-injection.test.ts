import { describe, expect, test } from "vitest";
import { linkIn } from "#harness/cluster/kind/node-link.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { KindRef, KubeObject } from "#harness/kube/kube.ts";
import type { Undo } from "#harness/model/undo.ts";
import type { SuiteFaultContext } from "./fault.ts";
import { faultNamed } from "./index.ts";

type Objects = Readonly<Record<string, object>>;

/** API servers of east and west that hold objects by `Kind name`; `did` is every undo step and change, in order. */
function lab(east: Objects, west: Objects = east) {
  const did: [string, unknown][] = [];
  const clusterOf = (name: string, objects: Objects) => ({
    name,
    agents: async () => [],
    kube: {
      cluster: name,
      get: async ({ kind }: KindRef, _: string, object: string) => objects[`${kind} ${object}`],
      list: async ({ kind }: KindRef) =>
        Object.entries(objects).flatMap(([key, object]) => (key.startsWith(`${kind} `) ? [object] : [])),
      apply: async (object: KubeObject) => void did.push([`${name} apply ${object.kind}`, object]),
      merge: async ({ kind }: KindRef, _: string, object: string, patch: unknown) =>
        void did.push([`${name} merge ${kind} ${object}`, patch]),
      remove: async ({ kind }: KindRef, _: string, object: string) =>
        void did.push([`${name} remove ${kind} ${object}`, undefined]),
    },
  });
  const ctx = {
    mesh: { clusters: [clusterOf("east", east), clusterOf("west", west)], state: {} } as unknown as Mesh,
    namespace: "suite",
    mark: "mark-123456",
    signal: new AbortController().signal,
    recordUndo: async (...steps: readonly Undo[]) =>
      steps.forEach((step) => {
        did.push([`undo ${step.do}`, step]);
      }),
    runUndo: async (step: Undo) => void did.push([`run ${step.do}`, step]),
  } as unknown as SuiteFaultContext;
  return {
    did,
    inject: (name: string) => faultNamed(name).inject(ctx),
    order: () => did.map(([what]) => what),
  };
}

const global = (over: object = {}) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name: "echo",
    namespace: "suite",
    annotations: { "service.cilium.io/global": "true" },
    resourceVersion: "7",
    uid: "u",
  },
  spec: { clusterIP: "10.1.0.9", ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  status: {},
  ...over,
});
const alone = global({ metadata: { name: "alone", namespace: "suite" } });
const services = { "Service echo": global(), "Service alone": alone };

describe("a reported fault of services and policies records how it is undone before it acts", () => {
  test("counterpart-removed: the global services of the second cluster, with their addresses", async () => {
    const { did, inject, order } = lab(services);
    const { names } = await inject("counterpart-removed");
    expect(order()).toEqual(["undo apply", "west remove Service echo"]);
    expect(did[0]?.[1]).toEqual({
      do: "apply",
      cluster: "west",
      object: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "echo", namespace: "suite", annotations: global().metadata.annotations },
        spec: global().spec,
      },
    });
    expect(names).toEqual(["echo"]);
  });

  test("port-names-changed: only the names differ", async () => {
    const { did, inject, order } = lab(services);
    await inject("port-names-changed");
    expect(order()).toEqual(["undo merge", "west merge Service echo"]);
    expect(did[0]?.[1]).toMatchObject({
      cluster: "west",
      name: "echo",
      patch: { spec: { ports: global().spec.ports } },
    });
    expect(did[1]?.[1]).toEqual({ spec: { ports: [{ name: "renamed-1", port: 80, targetPort: 8080 }] } });
  });

  test.each(["counterpart-removed", "port-names-changed"])("%s needs a global service", async (name) => {
    const { did, inject } = lab({ "Service alone": alone });
    await expect(inject(name)).rejects.toMatchObject({ code: "fault-no-effect" });
    expect(did).toEqual([]);
  });

  test.each([
    ["apiserver-shut-off", "NetworkPolicy", "kube-system"],
    ["apiserver-shut-off-clusterwide", "CiliumClusterwideNetworkPolicy", undefined],
  ])("%s: the policy goes before the mesh is waited for", async (name, kind, namespace) => {
    const { did, inject, order } = lab({});
    const { names } = await inject(name);
    expect(order()).toEqual(["undo await-mesh", "undo remove", `east apply ${kind}`, "run replace-pods"]);
    expect(did[1]?.[1]).toEqual({
      ...{ do: "remove", cluster: "east", name: "shut-off-123456" },
      ...{ kind: kind[0]?.toLowerCase() + kind.slice(1), namespace },
    });
    expect(JSON.stringify(did[2]?.[1])).toContain('{"matchLabels":{"k8s-app":"clustermesh-apiserver"}}');
    expect(names).toEqual(["shut-off-123456", "east"]);
  });

  test("policy-ip-block: allows one range of addresses", async () => {
    const { did, inject, order } = lab({});
    await inject("policy-ip-block");
    expect(order()).toEqual(["undo remove", "east apply NetworkPolicy"]);
    expect(did[1]?.[1]).toMatchObject({
      spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "192.0.2.0/24" } }] }] },
    });
  });
});

describe("a reported fault of the control plane records how it is undone before it acts", () => {
  test.each([
    ["apiserver-secret-missing", "Secret", "clustermesh-apiserver-admin-cert"],
    ["remote-users-missing", "ConfigMap", "clustermesh-remote-users"],
  ])("%s: the object comes back before the pods are replaced", async (name, kind, object) => {
    const metadata = { name: object, namespace: "kube-system", uid: "u" };
    const { did, inject, order } = lab({
      [`${kind} ${object}`]: { metadata, data: { a: "Yg==" } },
      "Pod apiserver-1": { metadata: { name: "apiserver-1" } },
    });
    await inject(name);
    expect(order()).toEqual([
      "undo await-mesh",
      "undo replace-pods",
      "undo apply",
      `east remove ${kind} ${object}`,
      "east remove Pod apiserver-1",
    ]);
    expect(did[2]?.[1]).toMatchObject({ object: { apiVersion: "v1", kind, data: { a: "Yg==" } } });
    expect(JSON.stringify(did[2]?.[1])).not.toContain("uid");
    await expect(lab({}).inject(name)).rejects.toMatchObject({ code: "fault-no-effect" });
  });

  test("kvstoremesh-without-peers: both sides lose their entry, which the journal keeps", async () => {
    const secret = (peer: string) => ({ "Secret cilium-kvstoremesh": { data: { [peer]: `${peer}-entry` } } });
    const { did, inject, order } = lab(secret("west"), secret("east"));
    await inject("kvstoremesh-without-peers");
    const side = (cluster: string): string[] => [
      ...["undo replace-pods", "undo merge"],
      ...[`${cluster} merge Secret cilium-kvstoremesh`, "run replace-pods"],
    ];
    expect(order()).toEqual(["undo await-mesh", ...side("east"), ...side("west")]);
    expect(did[2]?.[1]).toMatchObject({ cluster: "east", patch: { data: { west: "west-entry" } } });
    expect(did[3]?.[1]).toEqual({ data: { west: null } });
    expect(did[7]?.[1]).toEqual({ data: { east: null } });
    // A cluster that already has none is no fault of ours.
    await expect(lab({}).inject("kvstoremesh-without-peers")).rejects.toMatchObject({
      code: "fault-no-effect",
    });
  });

  test("cluster-limit-changed: the arguments and the ConfigMap, nothing else of the deployment", async () => {
    const containers = [
      { name: "etcd" },
      { name: "apiserver", args: ["clustermesh", "--max-connected-clusters=255"], image: "i" },
    ];
    const objects = {
      "ConfigMap cilium-config": { data: { "max-connected-clusters": "255" } },
      "Deployment clustermesh-apiserver": { spec: { template: { spec: { containers } } } },
    };
    const { did, inject, order } = lab(objects);
    await inject("cluster-limit-changed");
    expect(order()).toEqual([
      ...["undo await-mesh", "undo merge", "undo merge"],
      ...["west merge ConfigMap cilium-config", "west merge Deployment clustermesh-apiserver"],
    ]);
    expect(did[1]?.[1]).toMatchObject({ patch: { spec: { template: { spec: { containers } } } } });
    expect(did[2]?.[1]).toMatchObject({ patch: { data: { "max-connected-clusters": "255" } } });
    expect(did[4]?.[1]).toMatchObject({
      spec: {
        template: {
          spec: {
            containers: [
              { name: "etcd" },
              { name: "apiserver", args: ["clustermesh", "--max-connected-clusters=511"], image: "i" },
            ],
          },
        },
      },
    });
    await expect(lab({}).inject("cluster-limit-changed")).rejects.toMatchObject({ code: "fault-no-effect" });
  });
});

test("the host's end of a node's link is found by its index", () => {
  const listed = [
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN",
    "112: veth1a2b3c4@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br-1 state UP",
    "12: veth9f8e7d6@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1300 qdisc noqueue master br-1 state UP",
  ].join("\n");
  expect(linkIn(listed, "12")).toEqual({ name: "veth9f8e7d6", mtu: 1300 });
  expect(linkIn(listed, "112")).toEqual({ name: "veth1a2b3c4", mtu: 1500 });
  expect(() => linkIn(listed, "2")).toThrow("no link number 2");
});
