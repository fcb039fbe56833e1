import { describe, expect, test } from "vitest";
import type { AgentState, ClusterSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { apiserverPod, causesOf, east, meshWith, ok, pod, remote, service, west } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const apiserver = (over: Partial<ServiceState>): ServiceState =>
  service({
    ...{ namespace: "kube-system", name: "clustermesh-apiserver", type: "NodePort", annotations: {} },
    ...{ selector: { "k8s-app": "clustermesh-apiserver" }, outerPorts: [32379], ports: [] },
    ...over,
  });
const shop = service({});
const local = ok([shop, apiserver({ internalLocal: true })]);

/** East's second node, whose agent is connected or not. */
const second = (ready: boolean): AgentState[] => [
  ...east.agents,
  ...east.agents.map((a) => ({ ...a, node: "node-1b", remotes: ok([remote("west", 2, ready)]) })),
];
const pods = east.pods.ok ? [...east.pods.value] : [];
const secondPod = { name: "clustermesh-apiserver-6d5f-fghij", node: "node-1b" };
const severities = (over: Partial<ClusterSnapshot>): string[] =>
  causesOf(meshWith({ services: local, agents: second(false), ...over }))
    .filter((f) => f.id === "apiserver-traffic-policy")
    .map((f) => f.severity);

describe("internalTrafficPolicy Local", () => {
  test("is named first, with the agents that it cuts off, and the patch", () => {
    const [finding, ...others] = causesOf(meshWith({ services: local, agents: second(false) }));
    expect(finding).toMatchObject({
      id: "apiserver-traffic-policy",
      severity: "broken",
      cluster: "east",
      message:
        "the agent of east/node-1b reaches no backend of KVStoreMesh and is not ready for west: internalTrafficPolicy of service kube-system/clustermesh-apiserver of east is Local, and its ready pods are on node-1 only",
    });
    expect(others.map((f) => f.id)).toEqual(["peer-not-ready"]);
    const commands = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
    expect(commands.map((c) => c.text)).toEqual([
      `kubectl -n kube-system patch service/clustermesh-apiserver --type merge -p '{"spec":{"internalTrafficPolicy":"Cluster"}}'`,
    ]);
    expect(finding?.next).toContain("clustermesh.apiserver.service.internalTrafficPolicy to Cluster");
  });

  test("is suspect where the agent is connected, KVStoreMesh is not, or the node's own pod starts", () => {
    expect(severities({ agents: second(true) })).toEqual(["suspect"]);
    expect(severities({ kvstoreMesh: ok([remote("west", 2, false)]) })).toEqual(["suspect"]);
    const starting = apiserverPod(1, { ...secondPod, ready: false });
    expect(severities({ pods: ok([...pods, starting]) })).toEqual(["suspect"]);
  });

  test("covers the Service that the agents use, by another name too", () => {
    const named = (name: string) => ({
      services: ok([shop, apiserver({ name: "mesh", internalLocal: true })]),
      peers: ok({
        agents: { west: [`https://${name}.kube-system.svc.cluster.local:2379`] },
        kvstoreMesh: { west: ["https://west.mesh.cilium.io:32379"] },
      }),
    });
    expect(severities(named("mesh"))).toEqual(["broken"]);
    expect(severities(named("clustermesh-apiserver"))).toEqual([]);
  });

  test("is no fault where every node has a pod, agents read the peer itself, or no pod is ready", () => {
    const everywhere = apiserverPod(1, secondPod);
    expect(severities({ pods: ok([...pods, everywhere]) })).toEqual([]);
    expect(severities({ agents: east.agents })).toEqual([]);
    const direct = { agents: { west: ["https://west.mesh.cilium.io:32379"] }, kvstoreMesh: {} };
    expect(severities({ peers: ok(direct), kvstoreMesh: ok([]) })).toEqual([]);
    expect(severities({ pods: ok([pod({ name: "cart-1" }), apiserverPod(1, { ready: false })]) })).toEqual(
      [],
    );
    expect(severities({ services: ok([shop, apiserver({})]) })).toEqual([]);
  });
});

describe("externalTrafficPolicy Local", () => {
  const nodes = ok([
    ...(west.nodes.ok ? west.nodes.value : []),
    { name: "node-2b", address: "172.18.0.22", podCidr: "10.2.1.0/24", ready: true },
  ]);
  const ofWest = { nodes, services: ok([shop, apiserver({ externalLocal: true })]) };
  const contacting = (ips: readonly string[], ready: boolean): Partial<ClusterSnapshot> => ({
    kvstoreMesh: ok([remote("west", 2, ready)]),
    kvstoreMeshPaths: ok([
      {
        ...{ peer: "west", trusted: [], client: [], presented: [] },
        endpoints: [{ url: "https://west.mesh.cilium.io:32379", ips: [...ips] }],
      },
    ]),
  });
  const found = (ips: readonly string[], ready: boolean, over: Partial<ClusterSnapshot> = {}) =>
    causesOf(meshWith(contacting(ips, ready), { ...ofWest, ...over })).filter(
      (f) => f.id === "apiserver-traffic-policy",
    );

  test("drops what a peer sends to a node without the pod", () => {
    const [first] = causesOf(meshWith(contacting(["172.18.0.22"], false), ofWest));
    expect(first).toMatchObject({
      id: "apiserver-traffic-policy",
      severity: "broken",
      cluster: "west",
      message: expect.stringContaining(
        "KVStoreMesh of east contacts west at 172.18.0.22:32379 (node node-2b), where no pod of clustermesh-apiserver is ready",
      ),
      next: expect.stringContaining(
        `kubectl -n kube-system patch service/clustermesh-apiserver --type merge -p '{"spec":{"externalTrafficPolicy":"Cluster"}}'`,
      ),
    });
  });

  test("is suspect where the peer is connected or has another address", () => {
    expect(found(["172.18.0.22"], true).map((f) => f.severity)).toEqual(["suspect"]);
    expect(found(["172.18.0.22", "172.18.0.2"], false).map((f) => f.severity)).toEqual(["suspect"]);
  });

  test("is no fault at the node of the pod, or with the policy Cluster", () => {
    expect(found(["172.18.0.2"], false)).toEqual([]);
    expect(found(["172.18.0.22"], false, { services: ok([shop, apiserver({})]) })).toEqual([]);
  });
});
