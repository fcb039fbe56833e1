import { expect, test } from "vitest";
import type {
  ClusterSnapshot,
  FirewallRule,
  HeldCertificate,
  MeshSnapshot,
  PolicyObject,
} from "#harness/model/mesh-snapshot.ts";
import type { FindingId } from "./catalogue/index.ts";
import {
  apiserverPod,
  causesOf,
  east,
  healthyMesh,
  meshWith,
  ok,
  remote,
  service,
  west,
  withSettings,
} from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

/** The commands that repair something in the first finding of a kind, with their clusters. */
function repairs(mesh: MeshSnapshot, id: FindingId): string[] {
  const finding = causesOf(mesh).find((f) => f.id === id);
  expect(finding, `no ${id}: ${causesOf(mesh).map((f) => `${f.id}: ${f.message}`)}`).toBeDefined();
  return finding === undefined
    ? []
    : remedyCommands(finding, ["east", "west"])
        .filter((c) => c.changes)
        .map((c) => `${c.cluster}: ${c.text}`);
}

const helm = "helm -n kube-system upgrade cilium cilium/cilium --version 1.19.4 --reuse-values";
const restarted = (...what: readonly string[]): string =>
  `kubectl -n kube-system rollout restart ${what.join(" ")}`;
const [apiserver, agents, operator] = [
  "deployment/clustermesh-apiserver",
  "daemonset/cilium",
  "deployment/cilium-operator",
];

const withRule = (rule: Partial<FirewallRule>): MeshSnapshot =>
  meshWith({
    nodeStates: [{ node: "node-1", rules: ok([{ podIp: "", text: "", packets: 1, ...rule }]), stopped: [] }],
  });

test.each([
  [
    {
      table: "raw",
      text: 'PREROUTING -p udp -m udp --dport 8472 -m comment --comment "a \\"b\\" c" -j DROP',
    },
    `docker exec node-1 iptables -w -t raw -D PREROUTING -p udp -m udp --dport 8472 -m comment --comment 'a "b" c' -j DROP`,
  ],
  [
    { podIp: "10.1.0.5", pid: 812, table: "filter", text: "INPUT -p tcp -j DROP" },
    "docker exec node-1 nsenter -t 812 -n iptables -w -t filter -D INPUT -p tcp -j DROP",
  ],
  [
    { text: "routing rule from all to 10.2.0.0/16 blackhole" },
    "docker exec node-1 ip rule del from all to 10.2.0.0/16 blackhole",
  ],
])("a rule is deleted by its own text: %j", (rule, command) => {
  expect(repairs(withRule(rule), "packets-dropped")).toEqual([`east: ${command}`]);
});

test("a rule whose table or process is not known is looked for", () => {
  expect(repairs(withRule({ text: "INPUT -j DROP" }), "packets-dropped")).toEqual([]);
  const inPod = { podIp: "10.1.0.5", table: "filter", text: "INPUT -j DROP" };
  expect(repairs(withRule(inPod), "packets-dropped")).toEqual([]);
});

test("a tunnel device is set up in its node, or through its agent", () => {
  const down = (over: Partial<ClusterSnapshot>): MeshSnapshot =>
    meshWith({
      agents: east.agents.map((a) => ({ ...a, tunnels: ok([{ protocol: "vxlan" as const, up: false }]) })),
      ...over,
    });
  const restart = "kubectl -n kube-system delete pod -l k8s-app=cilium --field-selector spec.nodeName=node-1";
  expect(repairs(down({}), "tunnel-device-down")).toEqual([
    "east: docker exec node-1 ip link set dev cilium_vxlan up",
    `east: ${restart}`,
  ]);
  const agent = { ...apiserverPod(1), name: "cilium-abcde", labels: { "k8s-app": "cilium" } };
  expect(
    repairs(down({ containers: ok([]), pods: ok([apiserverPod(1), agent]) }), "tunnel-device-down")[0],
  ).toBe(
    "east: kubectl -n kube-system exec pod/cilium-abcde -c cilium-agent -- ip link set dev cilium_vxlan up",
  );
});

/** With what its agents read when they started. */
const runningWith = (cluster: ClusterSnapshot, settings: ClusterSnapshot["config"]): ClusterSnapshot => ({
  ...cluster,
  agents: cluster.agents.map((a) => ({ ...a, startedWith: settings })),
});

test("a setting that differs is set back to what all agents run with", () => {
  const changed = withSettings(west, { "max-connected-clusters": "511" });
  const clusters = [runningWith(east, east.config), runningWith(changed, west.config)];
  expect(repairs({ clusters }, "setting-differs")).toEqual([
    `west: ${helm} --set clustermesh.maxConnectedClusters=255`,
    `west: ${restarted(apiserver, operator)}`,
  ]);
  // Where the agents differ too, one side has to be installed anew.
  expect(
    repairs(
      { clusters: [runningWith(east, east.config), runningWith(changed, changed.config)] },
      "setting-differs",
    ),
  ).toEqual([]);
});

test("where a restart is enough and nothing decides, any value does", () => {
  expect(
    repairs({ clusters: [east, withSettings(west, { "tunnel-port": "8473" })] }, "setting-differs"),
  ).toEqual([`west: ${helm} --set tunnelPort=8472`, `west: ${restarted(agents, operator)}`]);
});

test("a peer that is missing, and one under a wrong name", () => {
  const without = meshWith({ peers: ok({ agents: {}, kvstoreMesh: {} }) });
  const anew = [`east: ${helm}`, `east: ${restarted(apiserver, agents)}`];
  expect(repairs(without, "peer-missing")).toEqual(anew);
  const entries = { "west-x": ["https://west-x.mesh.cilium.io:32379"] };
  const renamed = meshWith({ peers: ok({ agents: entries, kvstoreMesh: {} }) });
  expect(repairs(renamed, "peer-unknown")).toEqual([
    `east: kubectl -n kube-system patch secret/cilium-clustermesh --type merge -p '{"data":{"west-x":null}}'`,
    ...anew,
  ]);
});

test("the right port of a peer", () => {
  const peers = { west: ["https://west.mesh.cilium.io:2378"] };
  const mesh = meshWith({
    peers: ok({ agents: peers, kvstoreMesh: peers }),
    kvstoreMesh: ok([remote("west", 2, false)]),
  });
  expect(repairs(mesh, "peer-port")).toEqual([`east: ${helm}`, `east: ${restarted(apiserver, agents)}`]);
  expect(causesOf(mesh).find((f) => f.id === "peer-port")?.next).toContain("to 32379, unless it is already");
});

test("clustermesh-apiserver without an address, and nodes that Node IPAM may not take", () => {
  const label = "node.kubernetes.io/exclude-from-external-load-balancers";
  const meshOf = (labels: Record<string, string>, config: Record<string, string>, ready = false) => {
    const nodes = west.nodes.ok ? west.nodes.value.map((n) => ({ ...n, labels })) : [];
    const services = west.services.ok
      ? west.services.value.map((s) =>
          s.name === "clustermesh-apiserver" ? { ...s, type: "LoadBalancer", loadBalancerIp: "" } : s,
        )
      : [];
    const peers = { west: ["https://west.mesh.cilium.io:2379"] };
    return meshWith(
      { peers: ok({ agents: peers, kvstoreMesh: peers }), kvstoreMesh: ok([remote("west", 2, ready)]) },
      { ...withSettings(west, config), nodes: ok(nodes), services: ok(services) },
    );
  };
  const found = (...of: Parameters<typeof meshOf>) =>
    causesOf(meshOf(...of)).find((f) => f.id === "apiserver-without-address");
  const byNodes = { "default-lb-service-ipam": "nodeipam" };
  expect(found({ [label]: "" }, byNodes)).toMatchObject({
    cluster: "west",
    message: expect.stringContaining(`have the label ${label}`),
    next: expect.stringMatching(/^in west: kubectl label node\/\S+ node\.kubernetes\.io\/exclude\S+-$/),
  });
  expect(found({}, byNodes)?.message).toMatch(/has no address; KVStoreMesh of east is not connected to it$/);
  expect(found({ [label]: "" }, {})?.next).toContain("describe service/clustermesh-apiserver");
  // A peer may contact it in another way.
  expect(found({ [label]: "" }, byNodes, true)).toBeUndefined();
});

test("a cluster id that the identities contradict", () => {
  const mesh = meshWith(
    {},
    {
      ...withSettings(west, { "cluster-id": "77" }),
      ciliumEndpoints: ok([{ namespace: "shop", name: "cart-2", ip: "10.2.0.5", identity: 131372 }]),
    },
  );
  expect(repairs(mesh, "cluster-id-changed")).toEqual([
    `west: ${helm} --set cluster.id=2`,
    `west: ${restarted(apiserver, operator)}`,
  ]);
});

test("a CiliumNode gets back the address and the pod CIDR of its Node", () => {
  const addresses = [
    { type: "InternalIP", ip: "172.18.0.1" },
    { type: "CiliumInternalIP", ip: "10.2.0.1" },
  ];
  const nodes = ["east/node-1", "west/node-2"].map((name) => ({
    ...{ name, podCidrs: [], healthIp: "", addresses: [{ type: "InternalIP", ip: "172.18.0.1" }] },
  }));
  const twice = meshWith(
    { agents: east.agents.map((a) => ({ ...a, nodeList: ok(nodes) })) },
    { ciliumNodes: ok([{ name: "node-2", podCidrs: ["10.2.0.0/24"], addresses }]) },
  );
  expect(repairs(twice, "node-address-twice")).toEqual([
    `west: kubectl patch ciliumnode/node-2 --type merge -p '{"spec":{"addresses":[{"type":"InternalIP","ip":"172.18.0.2"},{"type":"CiliumInternalIP","ip":"10.2.0.1"}]}}'`,
  ]);
  const half = { ciliumNodes: ok([{ name: "node-2", podCidrs: ["10.1.0.128/25"] }]) };
  const kubernetes = withSettings(west, { ipam: "kubernetes" });
  expect(repairs(meshWith({}, { ...kubernetes, ...half }), "pod-cidr-overlap")).toEqual([
    `west: kubectl patch ciliumnode/node-2 --type merge -p '{"spec":{"ipam":{"podCIDRs":["10.2.0.0/24"]}}}'`,
  ]);
  const pools = { ...withSettings(west, { ipam: "multi-pool" }), ...half };
  expect(causesOf(meshWith({}, pools)).find((f) => f.id === "pod-cidr-overlap")?.next).toContain(
    "which CiliumPodIPPool holds 10.1.0.128/25: kubectl get ciliumpodippools -o yaml in west; ",
  );
  // Where Cilium assigns the CIDRs, the Node's are not used.
  expect(repairs(meshWith({}, half), "pod-cidr-overlap")).toEqual([]);
});

test("every policy that shuts clustermesh-apiserver off is deleted", () => {
  const policy = (name: string): PolicyObject => ({
    ...{ kind: "NetworkPolicy", namespace: "kube-system", name },
    specs: [{ podSelector: {}, policyTypes: ["Ingress"] }],
  });
  const mesh = meshWith({ policyObjects: ok([policy("one"), policy("two")]) });
  expect(repairs(mesh, "policy-shuts-off-apiserver")).toEqual([
    "east: kubectl -n kube-system delete networkpolicy/one",
    "east: kubectl -n kube-system delete networkpolicy/two",
  ]);
});

test("with one CA in both clusters, the certificates of a connection are written anew; with two, a person decides", () => {
  const held = (role: HeldCertificate["role"], key: string, over: Partial<HeldCertificate> = {}) => ({
    ...{ place: "Secret x", role },
    certificate: {
      ...{ subject: "CN=a", issuer: "CN=Cilium CA", serial: "1" },
      ...{ notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-01-01T00:00:00Z", key, signers: ["ca"] },
    },
    ...over,
  });
  const wrong = held("trusted", "other", { reader: "kvstoreMesh", peer: "west" });
  const mesh = (key: string): MeshSnapshot =>
    meshWith(
      { kvstoreMesh: ok([remote("west", 2, false)]), certificates: ok([wrong, held("ca", key)]) },
      { certificates: ok([held("server", "server"), held("ca", "ca")]) },
    );
  expect(repairs(mesh("ca"), "certificate-untrusted")).toEqual([
    `east: ${helm}`,
    `east: ${restarted(apiserver, agents)}`,
  ]);
  expect(repairs(mesh("east's own"), "certificate-untrusted")).toEqual([]);
});

test("marks of a service, in every cluster that lacks them", () => {
  const annotate = "kubectl -n shop annotate --overwrite service/cart";
  const capitals = service({
    annotations: { "service.cilium.io/global": "True", "service.cilium.io/shared": "False" },
  });
  expect(repairs(meshWith({}, { services: ok([capitals]) }), "service-not-shared")).toEqual([
    `west: ${annotate} service.cilium.io/shared=true`,
  ]);
  const none = { services: ok([service({ annotations: {} })]) };
  expect(repairs(meshWith(none, none), "service-global-nowhere")).toEqual([
    `east: ${annotate} service.cilium.io/global=true`,
    `west: ${annotate} service.cilium.io/global=true`,
  ]);
});

test("ports get the names of the first cluster", () => {
  const web = service({ ports: [{ name: "web", protocol: "TCP", port: 80 }] });
  expect(repairs(meshWith({}, { services: ok([web]) }), "service-port-names")).toEqual([
    `west: kubectl -n shop patch service/cart --type json -p '[{"op":"test","path":"/spec/ports/0/port","value":80},{"op":"add","path":"/spec/ports/0/name","value":"http"}]'`,
  ]);
});

test("a counterpart is made with the target ports of the other cluster's EndpointSlice", () => {
  const slices = ok([
    {
      ...{ namespace: "shop", name: "cart-x", service: "cart", mirrored: false, addressType: "IPv4" },
      ...{ labels: {}, annotations: {}, ports: [{ name: "http", protocol: "TCP", port: 8080 }] },
      endpoints: [],
    },
  ]);
  const lacks = { services: ok([]), namespaces: ok([{ name: "default", annotations: {} }]) };
  expect(repairs(meshWith({ slices }, lacks), "service-without-counterpart")).toEqual([
    "west: kubectl create namespace shop",
    "west: kubectl -n shop create service clusterip cart --tcp=80",
    `west: kubectl -n shop patch service/cart --type merge -p '{"metadata":{"annotations":{"service.cilium.io/global":"true"}},"spec":{"selector":{"app":"cart"},"ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":8080}]}}'`,
  ]);
  // Without the slice, the target port is not known.
  expect(repairs(meshWith({}, lacks), "service-without-counterpart")).toEqual([]);
});

test("the host's end of a node's link gets the MTU of the node's end", () => {
  const path = { from: "east/node-1 (10.1.0.3)", to: "node west/node-2 (172.18.0.2)" };
  const sizes = ok([
    { ...path, answered: true },
    { ...path, size: "1,398 bytes over TCP", answered: false },
  ]);
  const link = { node: "node-2", link: "veth1", mtu: 1300, nodeMtu: 1500, image: "sha256:ab" };
  expect(repairs(meshWith({ sizes }, { links: ok([link]) }), "path-too-narrow")).toEqual([
    "east: docker run --rm --network=host --cap-add=NET_ADMIN --entrypoint=ip sha256:ab link set dev veth1 mtu 1500",
  ]);
  expect(repairs(meshWith({ sizes }, { links: ok([{ ...link, mtu: 1500 }]) }), "path-too-narrow")).toEqual(
    [],
  );
});

test("without the version of Cilium, Helm would take the newest chart: no command", () => {
  const unknown = { peers: ok({ agents: {}, kvstoreMesh: {} }), ciliumVersion: ok("main") };
  expect(repairs(meshWith(unknown), "peer-missing")).toEqual([`east: ${restarted(apiserver, agents)}`]);
  expect(causesOf(healthyMesh)).toEqual([]);
});
