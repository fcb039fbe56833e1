import { describe, expect, test } from "vitest";
import type {
  AgentState,
  Attached,
  ClusterSnapshot,
  FirewallRule,
  NodeConfig,
  NodeInside,
} from "#harness/model/mesh-snapshot.ts";
import type { HealthReport } from "#harness/model/snapshot.ts";
import { causesOf, east, meshWith, ok, west, withSettings } from "./healthy-mesh.ts";
import { neighbours } from "./neighbours.ts";
import { underlay } from "./underlay.ts";

const [agent] = west.agents;
if (agent === undefined) throw new Error("the healthy cluster has an agent");
const agents = (over: Readonly<Record<string, Partial<AgentState>>>): { agents: AgentState[] } => ({
  agents: Object.entries(over).map(([node, o]) => ({ ...agent, node, ...o })),
});

describe("programs of a node's devices", () => {
  const whole: readonly Attached[] = [
    { device: "eth0", programs: ["cil_from_netdev", "cil_to_netdev"] },
    { device: "cilium_vxlan", programs: ["cil_from_overlay", "cil_to_overlay"] },
    { device: "cilium_host", programs: ["cil_from_host", "cil_to_host"] },
    { device: "cilium_net", programs: ["cil_to_host"] },
  ];
  const without = (...gone: readonly string[]): Attached[] =>
    whole
      .map(({ device, programs }) => ({ device, programs: programs.filter((p) => !gone.includes(p)) }))
      .filter((d) => d.programs.length > 0);
  const found = (a: readonly Attached[], b: readonly Attached[]): string[] =>
    causesOf(meshWith({}, agents({ a: { programs: ok([...a]) }, b: { programs: ok([...b]) } }))).map(
      (f) => `${f.id}: ${f.message}`,
    );

  test("one that is gone, alone or with its partner, is named with its device", () => {
    expect(found(whole, without("cil_from_netdev"))).toEqual([
      expect.stringMatching(/^program-detached: .*cil_from_netdev is not attached to eth0 of node b of west/),
    ]);
    expect(found(whole, without("cil_from_overlay", "cil_to_overlay"))).toEqual([
      expect.stringMatching(/cil_from_overlay is not attached to cilium_vxlan of node b of west/),
    ]);
  });

  test("what an agent leaves out, other devices, and a kernel without links are no finding", () => {
    const renamed = whole.map((d) => (d.device === "eth0" ? { ...d, device: "ens5" } : d));
    expect(found(whole, without("cil_to_netdev", "cil_to_overlay"))).toEqual([]);
    expect(found(whole, renamed)).toEqual([]);
    expect(found(whole, [])).toEqual([]);
  });
});

describe("permanent neighbours", () => {
  const inside = (node: string, over: Partial<NodeInside>): NodeInside => ({
    ...{ node, rules: ok([]), stopped: [] },
    ...over,
  });
  const own = (ip: string, mac: string) => ok({ permanent: [], own: [{ ip, mac }] });
  const entry = (mac: string) =>
    ok({
      permanent: [{ ip: "172.18.0.1", mac, device: "eth0" }],
      own: [{ ip: "172.18.0.2", mac: "02:00:00:00:00:02" }],
    });
  const found = (mac: string): string[] =>
    causesOf(
      meshWith(
        { nodeStates: [inside("node-1", { neighbours: own("172.18.0.1", "02:00:00:00:00:01") })] },
        { nodeStates: [inside("node-2", { neighbours: entry(mac) })] },
      ),
    ).map((f) => `${f.id}: ${f.message}; ${f.next}`);

  test("an entry with another node's address and not its link-layer address is named, with what removes it", () => {
    expect(found("02:42:0a:de:ad:17")).toEqual([
      expect.stringMatching(
        /^neighbour-wrong: node node-2 of west .* node-1 \(172\.18\.0\.1\).*docker exec node-2 ip neigh del 172\.18\.0\.1 dev eth0/,
      ),
    ]);
  });

  test("a right one is no finding", () => {
    expect(found("02:00:00:00:00:01")).toEqual([]);
  });

  test("a check at a port where the other cluster does not answer says nothing of it", () => {
    const path = (status: string) => ({ status, latencyNs: 0, lastProbed: "" });
    const report: HealthReport = {
      ...{ local: "west/node-2", timestamp: "", probeIntervalMs: 0 },
      nodes: [
        { name: "east/node-1", host: { ip: "172.18.0.1", icmp: path(""), http: path("connection refused") } },
      ],
    };
    const severities = (port: string) =>
      neighbours(
        meshWith(
          { nodeStates: [inside("node-1", { neighbours: own("172.18.0.1", "02:00:00:00:00:01") })] },
          {
            nodeStates: [inside("node-2", { neighbours: entry("02:42:0a:de:ad:17") })],
            config: withSettings(west, { "cluster-health-port": port }).config,
            agents: west.agents.map((a) => ({ ...a, health: ok(report) })),
          },
        ),
      ).map((f) => f.severity);
    expect(severities("4240")).toEqual(["broken"]);
    expect(severities("9940")).toEqual(["suspect"]);
  });
});

describe("a firewall rule at the port of health checks", () => {
  const said = (port: number, east: ClusterSnapshot, west: ClusterSnapshot): string => {
    const rule = { podIp: "", packets: 3, text: `INPUT -p tcp -m tcp --dport ${port} -j DROP` };
    const nodeStates = [{ node: "node-2", rules: ok([rule]), stopped: [] }];
    return underlay(meshWith(east, { ...west, nodeStates }))
      .map((f) => f.message)
      .join();
  };
  const at9940 = { "cluster-health-port": "9940" };
  const [east9940, west9940] = [withSettings(east, at9940), withSettings(west, at9940)];

  test("is named by the port that the mesh has, and another one is not", () => {
    expect(said(4240, east, west)).toContain("TCP 4240 (the agents' health checks) (3 packets so far)");
    expect(said(9940, east, west)).toContain("TCP 9940 (3 packets so far)");
    expect(said(9940, east9940, west9940)).toContain("TCP 9940 (the agents' health checks)");
    expect(said(4240, east9940, west9940)).toContain("TCP 4240 (3 packets so far)");
  });

  test("is that of either cluster where they differ, and none where nobody is checked", () => {
    expect(said(9940, east9940, west)).toContain("TCP 9940 (the agents' health checks)");
    expect(said(4240, east9940, west)).toContain("TCP 4240 (the agents' health checks)");
    const off = { "enable-health-checking": "false" };
    expect(said(4240, withSettings(east, off), withSettings(west, off))).toContain("TCP 4240 (3 packets");
    const config: ClusterSnapshot["config"] = { ok: false, why: "not read" };
    expect(said(4240, east9940, { ...west, config })).toContain("TCP 4240 (the agents' health checks)");
  });
});

describe("nftables", () => {
  const rule: FirewallRule = {
    ...{ podIp: "", nft: "inet firewalld", packets: 7 },
    text: "filter_INPUT reject with icmpx admin-prohibited",
  };
  const path = (status: string) => ({ status, latencyNs: 0, lastProbed: "" });
  const report = (endpoint: string): HealthReport => ({
    ...{ local: "east/node-1", timestamp: "", probeIntervalMs: 0 },
    nodes: [
      {
        name: "west/node-2",
        host: { ip: "172.18.0.2", icmp: path(""), http: path("") },
        endpoint: { ip: "10.2.0.9", icmp: path(endpoint), http: path(endpoint) },
      },
    ],
  });
  const found = (endpoint: string): string[] =>
    causesOf(
      meshWith(
        { agents: east.agents.map((a) => ({ ...a, health: ok(report(endpoint)) })) },
        { nodeStates: [{ node: "node-2", rules: ok([rule]), stopped: [] }] },
      ),
    ).map((f) => `${f.id}: ${f.message}; ${f.next}`);

  test("a table that refuses is named where other nodes do not reach the node, with the rule that lets them in", () => {
    const [first] = found("timeout");
    expect(first).toMatch(/^packets-dropped: nftables table inet firewalld on node node-2 of west/);
    expect(first).toContain(
      "docker exec node-2 nft insert rule inet firewalld filter_INPUT udp dport 8472 accept",
    );
  });

  test("a host's firewall that disturbs nobody is no finding", () => {
    expect(found("")).toEqual([]);
  });
});

describe("a CiliumNodeConfig", () => {
  const config = (over: Partial<NodeConfig> = {}): NodeConfig => ({
    ...{ namespace: "kube-system", name: "migration", defaults: { "tunnel-port": "8473" } },
    selector: { matchLabels: { zone: "b" } },
    ...over,
  });
  const node = (name: string, zone: string) => ({
    ...{ name, address: "", podCidr: "", ready: true },
    labels: { zone },
  });
  const started = (over: Readonly<Record<string, string>>): Partial<AgentState> => ({
    startedWith: ok({ ...(west.config.ok ? west.config.value : {}), ...over }),
  });
  const found = (nodeConfig: NodeConfig): string[] =>
    causesOf(
      meshWith(
        {},
        {
          ...agents({ a: started({}), b: started({ "tunnel-port": "8473" }) }),
          nodes: ok([node("a", "a"), node("b", "b")]),
          nodeConfigs: ok([nodeConfig]),
        },
      ),
    ).map((f) => `${f.id}: ${f.message}; ${f.next}`);

  test("that gives a node another tunnel port is the cause: a restart would not help", () => {
    const [first] = found(config());
    expect(first).toMatch(
      /^node-config-differs: CiliumNodeConfig kube-system\/migration of west sets tunnel-port 8473 for node b/,
    );
    expect(first).toContain("kubectl -n kube-system delete ciliumnodeconfig/migration");
  });

  test("with other settings keeps those", () => {
    const [first] = found(config({ defaults: { "tunnel-port": "8473", debug: "true" } }));
    expect(first).toContain("patch ciliumnodeconfig/migration --type json -p");
    expect(first).toContain("/spec/defaults/tunnel-port");
    expect(first).not.toContain("defaults/debug");
  });

  test("of several nodes is one finding, with the agents of all", () => {
    const mesh = meshWith(
      {},
      {
        ...agents({
          a: started({}),
          b: started({ "tunnel-port": "8473" }),
          c: started({ "tunnel-port": "8473" }),
        }),
        nodes: ok([node("a", "a"), node("b", "b"), node("c", "b")]),
        nodeConfigs: ok([config()]),
      },
    );
    const [first, ...others] = causesOf(mesh);
    expect(others).toEqual([]);
    expect(first?.next.match(/spec\.nodeName=\w/g)).toEqual(["spec.nodeName=b", "spec.nodeName=c"]);
  });

  test("of other nodes explains nothing", () => {
    const [first] = found(config({ selector: { matchLabels: { zone: "c" } } }));
    expect(first).toMatch(/^agents-not-restarted: /);
  });
});

describe("a CiliumNodeConfig where agents were not seen to run with anything, as in an archive", () => {
  const config = (over: Partial<NodeConfig> = {}): NodeConfig => ({
    ...{ namespace: "kube-system", name: "edge", defaults: {} },
    selector: { matchLabels: { zone: "b" } },
    ...over,
  });
  const nodes = ok(
    ["a", "b"].map((zone) => ({
      ...{ name: zone, address: "", podCidr: "", ready: true },
      labels: { zone },
    })),
  );
  const found = (configs: readonly NodeConfig[], over: Partial<ClusterSnapshot> = {}) =>
    causesOf(meshWith({}, { ...agents({ a: {}, b: {} }), nodes, nodeConfigs: ok([...configs]), ...over }));

  test("is what its node gets instead of cilium-config", () => {
    expect(found([config({ defaults: { "routing-mode": "native", debug: "true" } })])).toMatchObject([
      {
        ...{ id: "node-config-differs", severity: "broken", cluster: "west" },
        message:
          "CiliumNodeConfig kube-system/edge of west sets routing-mode native for node b, which does not fit the others: routing-mode is native (b of west), tunnel (cilium-config of east, cilium-config of west); one side sends packets in tunnels and the other without",
        next: expect.stringMatching(/patch ciliumnodeconfig\/edge .*; .*spec\.nodeName=b$/),
      },
    ]);
  });

  test("must not make a node one of another cluster", () => {
    expect(found([config({ defaults: { "cluster-id": "1" } })])).toMatchObject([
      {
        id: "node-config-differs",
        message: expect.stringContaining(
          "sets cluster-id 1 for node b, which does not fit the others: cluster-id is 1 there and 2 in cilium-config",
        ),
      },
    ]);
  });

  test("of every node counts like cilium-config: it may make clusters equal, or not", () => {
    const all = { selector: {}, defaults: { "tunnel-protocol": "vxlan" } };
    const geneve = withSettings(west, { "tunnel-protocol": "geneve" });
    expect(found([], { config: geneve.config }).map((f) => f.id)).toEqual(["setting-differs"]);
    expect(found([config(all)], { config: geneve.config })).toEqual([]);
    expect(found([config({ ...all, defaults: { mtu: "1400" } })])).toMatchObject([
      {
        ...{ id: "setting-differs", severity: "suspect", subject: "mtu" },
        message: expect.stringContaining("east automatic, west 1400"),
        next: expect.stringContaining("CiliumNodeConfig kube-system/edge of west overrides it there"),
      },
    ]);
  });

  test("applies in the order of the names, and only in the namespace of Cilium", () => {
    const port = (value: string, over: Partial<NodeConfig>) =>
      config({ defaults: { "tunnel-port": value }, ...over });
    const [early, late] = [{ name: "10-edge" }, { name: "20-edge" }];
    expect(found([port("0", late), port("8473", early)])).toEqual([]);
    expect(found([port("8473", late), port("0", early)])).toMatchObject([
      { subject: "CiliumNodeConfig kube-system/20-edge of west" },
    ]);
    expect(found([port("8473", { namespace: "shop" })])).toEqual([]);
  });

  test("that an agent has not read yet is suspect", () => {
    const started = { startedWith: ok(west.config.ok ? west.config.value : {}) };
    const over = agents({ a: started, b: started });
    expect(found([config({ defaults: { "tunnel-port": "8473" } })], over)).toMatchObject([
      {
        ...{ id: "node-config-differs", severity: "suspect" },
        message: expect.stringContaining("for node b, whose agents have not started since, which does not"),
        next: "kubectl -n kube-system delete ciliumnodeconfig/edge",
      },
    ]);
  });
});
