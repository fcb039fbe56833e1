import { describe, expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { east, west } from "./example-clusters.ts";
import { cutOffNodes, health } from "./health.ts";
import { meshWith, ok, west as westWithoutHealth, withSettings } from "./healthy-mesh.ts";
import { unread } from "./unread.ts";

const path = (status: string) => ({ status, latencyNs: 1, lastProbed: "" });
const [agent] = west.agents;
/** The agent of west reaches a node of east, and not the health endpoint there. */
const withoutEndpoint = (target: ClusterSnapshot): (string | undefined)[] => {
  const node = {
    name: "east/east-worker",
    host: { ip: "172.19.0.2", icmp: path(""), http: path("") },
    endpoint: { ip: "10.1.0.9", icmp: path("timeout"), http: path("timeout") },
  };
  const asking = {
    ...west,
    agents: [
      {
        ...agent,
        health: ok({ local: "west/west-worker", timestamp: "", probeIntervalMs: 0, nodes: [node] }),
      },
    ],
  };
  const [first] = health({ clusters: [{ ...target, agents: [] }, asking] });
  return [first?.message.replace(/^.*: /, ""), first?.next];
};

test.each([
  [{}, "the tunnel (UDP 8472) to it is broken", "check UDP 8472 to and from east/east-worker"],
  [
    { "tunnel-protocol": "geneve" },
    "the tunnel (UDP 6081) to it is broken",
    "check UDP 6081 to and from east/east-worker",
  ],
  [
    { "routing-mode": "native" },
    "the route to its pods is broken",
    "check the routes to the pod CIDR of east/east-worker",
  ],
])("with %j, what carries packets to pods is named", (settings, cause, next) => {
  expect(withoutEndpoint(withSettings(east, settings))).toEqual([cause, expect.stringContaining(next)]);
});

test("a node that all others fail to reach comes before connections; one whose ICMP alone is blocked does not", () => {
  const report = (local: string, icmp: string, http: string) => ({
    ...agent,
    node: local,
    health: ok({
      ...{ local: `west/${local}`, timestamp: "", probeIntervalMs: 0 },
      nodes: [{ name: "east/east-worker", host: { ip: "172.19.0.2", icmp: path(icmp), http: path(http) } }],
    }),
  });
  const mesh = (icmp: string, http: string) => ({
    clusters: [
      { ...east, agents: [] },
      { ...west, agents: ["a", "b"].map((n) => report(n, icmp, http)) },
    ],
  });
  expect(cutOffNodes(mesh("timeout", "timeout")).map((f) => f.subject)).toEqual(["node east/east-worker"]);
  expect(cutOffNodes(mesh("timeout", ""))).toEqual([]);
  expect(health(mesh("timeout", "")).map((f) => f.subject)).toEqual(["node east/east-worker"]);
});

type Status = "well" | "http" | "refused" | "icmp" | "endpoint HTTP" | "off";

const refusal = 'Get "http://172.19.0.2:4240/hello": dial tcp 172.19.0.2:4240: connect: connection refused';
/** What an agent says of a node: which of its paths fail. */
const seen = (name: string, status: Status) => ({
  name,
  host: {
    ip: "172.19.0.2",
    icmp: path(status === "icmp" || status === "off" ? "timeout" : ""),
    http: path(status === "refused" ? refusal : status === "http" || status === "off" ? "timeout" : ""),
  },
  endpoint: {
    ip: "10.1.0.9",
    icmp: path(status === "off" ? "timeout" : ""),
    http: path(status === "off" || status === "endpoint HTTP" ? "timeout" : ""),
  },
});
/** A cluster whose agents report on nodes, by the names of both. */
const reporting = (
  of: ClusterSnapshot,
  reports: Readonly<Record<string, Readonly<Record<string, Status>>>>,
): ClusterSnapshot => ({
  ...of,
  nodes: ok(Object.keys(reports).map((name) => ({ name, address: "", podCidr: "", ready: true }))),
  containers: ok([]),
  agents: Object.entries(reports).flatMap(([node, statuses]) =>
    agent === undefined
      ? []
      : [
          {
            ...agent,
            node,
            health: ok({
              ...{ local: `${of.name}/${node}`, timestamp: "", probeIntervalMs: 0 },
              nodes: Object.entries(statuses).map(([name, status]) => seen(name, status)),
            }),
          },
        ],
  ),
});
const texts = (...clusters: ClusterSnapshot[]): string[] =>
  [...cutOffNodes({ clusters }), ...health({ clusters })].map((f) => `${f.message}; ${f.next}`);

test.each([
  [
    "http",
    "by host HTTP: ICMP passes and TCP 4240 does not pass: a security group, a network ACL or a firewall on the way or on the node filters it; let TCP 4240 in to east/a (172.19.0.2) from the nodes of every cluster",
  ],
  ["refused", "TCP 4240 is refused: a firewall rejects it, or no agent listens there"],
  ["icmp", "by host ICMP: TCP 4240 passes and ICMP does not: a filter drops ICMP; let ICMP pass to east/a"],
  [
    "endpoint HTTP",
    "by endpoint HTTP: ICMP to the health endpoint there passes and TCP 4240 does not pass: a policy that selects reserved:health, or a filter, drops it, or the tunnel (UDP 8472) to it loses packets; let TCP 4240 pass to east/a (10.1.0.9)",
  ],
] as const)("where only one protocol fails (%s), it is named with what filters it", (status, text) => {
  const [first, ...others] = texts(
    reporting(east, { a: {} }),
    reporting(west, { b: { "east/a": status }, c: { "east/a": status } }),
  );
  expect(others).toEqual([]);
  expect(first).toContain(text);
  expect(first).not.toContain("nodeSelector");
});

test("host policies may filter TCP 4240 where the host firewall is on", () => {
  const hardened = withSettings(reporting(east, { a: {} }), { "enable-host-firewall": "true" });
  const [first] = texts(hardened, reporting(west, { b: { "east/a": "http" } }));
  expect(first).toContain("and policies with a nodeSelector, because the host firewall is on there");
});

test("the port that was asked is named: of the error, or of the settings", () => {
  const port = { "cluster-health-port": "9940" };
  const at = (status: Status) =>
    texts(
      withSettings(reporting(east, { a: {} }), port),
      withSettings(reporting(west, { b: { "east/a": status } }), port),
    );
  expect(at("http")).toEqual([expect.stringMatching(/TCP 9940 does not pass.*let TCP 9940 in to east\/a/)]);
  expect(at("refused")).toEqual([expect.stringContaining("TCP 4240 is refused")]);
});

test("nodes behind one filter between two clusters are one finding; another cause is its own", () => {
  const found = texts(
    reporting(east, {
      a: { "east/b": "well", "west/c": "http", "west/d": "http" },
      b: { "east/a": "well", "west/c": "http", "west/d": "http" },
    }),
    reporting(west, {
      c: { "west/d": "well", "east/a": "http", "east/b": "icmp" },
      d: { "west/c": "well", "east/a": "http" },
    }),
  );
  expect(found).toEqual([
    expect.stringContaining(
      "2 of 2 agents of east cannot reach west/c, west/d, and 2 of 2 agents of west cannot reach east/a by host HTTP: ICMP passes",
    ),
    expect.stringMatching(/^1 of \d agents \(west\/c\) cannot reach east\/b by host ICMP/),
  ]);
});

describe("health checks that are off", () => {
  const off = { "enable-health-checking": "false" };
  const withoutEndpoints = { "enable-endpoint-health-checking": "false" };
  const asking = (status: Status): ClusterSnapshot =>
    reporting(west, { b: { "east/a": status }, c: { "east/a": status } });
  const asked = reporting(east, { a: {} });

  test("say nothing of a node, or of its endpoint", () => {
    expect(texts(withSettings(asked, off), asking("refused"))).toEqual([]);
    expect(texts(withSettings(asked, withoutEndpoints), asking("endpoint HTTP"))).toEqual([]);
    expect(texts(withSettings(asked, withoutEndpoints), asking("refused"))).toHaveLength(1);
  });

  test("may be so by a CiliumNodeConfig", () => {
    const config = { namespace: "kube-system", name: "edge", selector: {}, defaults: off };
    expect(texts({ ...asked, nodeConfigs: ok([config]) }, asking("refused"))).toEqual([]);
  });

  test("have no report that could be read", () => {
    const of = (found: readonly { readonly message: string }[]): string[] =>
      found.map((f) => f.message).filter((m) => m.includes("health, agent"));
    const { config } = withSettings(westWithoutHealth, off);
    expect(of(unread(meshWith({}, {})))).toHaveLength(2);
    expect(of(unread(meshWith({}, { config })))).toEqual([expect.stringContaining("of east")]);
  });
});

describe("paths that something else explains", () => {
  test("do not count among those who ask", () => {
    // Of the agents that reach a, one is of a node that is down, and cannot say anything of it.
    const a = { "west/c": "well" } as const;
    const down = (of: ClusterSnapshot, ...names: readonly string[]): ClusterSnapshot => ({
      ...of,
      containers: ok(names.map((name) => ({ name, state: "paused" }))),
    });
    const clusters = [
      reporting(east, { a, b: { "east/a": "http" }, d: { "east/a": "http" } }),
      down(reporting(west, { c: { "east/a": "icmp" } }), "c"),
    ];
    expect(cutOffNodes({ clusters }).map((f) => f.message)).toEqual([
      expect.stringMatching(/^2 of 3 agents \(east\/b, east\/d\) cannot reach east\/a by host HTTP/),
    ]);
  });

  test("because the node's agent is down are its effects, and do not stand before connections", () => {
    const [pod] = [
      {
        ...{ namespace: "kube-system", name: "cilium-abcde", node: "a", ip: "", hostNetwork: true },
        ...{ ready: false, ending: false, labels: { "k8s-app": "cilium" } },
        containers: [{ name: "cilium-agent", ready: false, restarts: 3, trouble: "" }],
      },
    ];
    const of = (status: Status): ClusterSnapshot[] => [
      { ...reporting(east, { a: {} }), pods: ok([pod]) },
      reporting(west, { b: { "east/a": status }, c: { "east/a": status } }),
    ];
    expect(cutOffNodes({ clusters: of("http") })).toEqual([]);
    expect(texts(...of("http"))).toEqual([
      "2 of 3 agents (west/b, west/c) cannot reach east/a by host HTTP: an effect of its agent, which is down; bring the agent of east/a back first",
    ]);
    // The kernel of a node answers ICMP without its agent.
    expect(cutOffNodes({ clusters: of("off") })).toHaveLength(1);
  });

  test("what a node that no other reaches says of the others is nothing of theirs", () => {
    const found = texts(
      reporting(east, {
        a: { "east/d": "off", "west/b": "off" },
        d: { "east/a": "off", "west/b": "well" },
      }),
      reporting(west, { b: { "east/a": "off", "east/d": "well" } }),
    );
    expect(found).toEqual([
      expect.stringMatching(/^2 of 3 agents \(east\/d, west\/b\) cannot reach east\/a/),
    ]);
  });

  test("nodes of which none is reached are all named", () => {
    const off = (...names: readonly string[]) => Object.fromEntries(names.map((n) => [n, "off" as const]));
    const found = texts(
      reporting(east, { a: off("west/b", "west/c") }),
      reporting(west, { b: off("east/a", "west/c"), c: off("east/a", "west/b") }),
    );
    expect(found).toHaveLength(3);
  });
});
