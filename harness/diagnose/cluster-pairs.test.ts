import { describe, expect, test } from "vitest";
import type { AgentState, ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { HealthReport } from "#harness/model/snapshot.ts";
import { causesOf, east, meshWith, ok, remote, west, withSettings } from "./healthy-mesh.ts";

type Status = "well" | "pods" | "nodes" | "icmp" | "tcp" | "refused";

const path = (isWell: boolean, error = "timeout") => ({
  ...{ status: isWell ? "" : error, latencyNs: 1, lastProbed: "" },
});
const refusal = 'Get "http://172.18.2.0:4240/hello": dial tcp 172.18.2.0:4240: connect: connection refused';
/**
 * `pods`: the node answers, its health endpoint does not; `nodes`: neither does; `icmp`: the node does by ICMP alone, and
 * `refused`, it refuses TCP besides; `tcp`: both do by ICMP alone.
 */
const seen = (name: string, ip: string, status: Status): HealthReport["nodes"][number] => ({
  name,
  host: {
    ip,
    icmp: path(status !== "nodes"),
    http: path(status === "well" || status === "pods", status === "refused" ? refusal : "timeout"),
  },
  endpoint: {
    ip: "10.9.0.9",
    icmp: path(status === "well" || status === "tcp"),
    http: path(status === "well"),
  },
});

/** Clusters of two nodes each, whose agents report on the nodes of both. */
const twoNodes = (
  cluster: ClusterSnapshot,
  [id, of]: readonly [number, number],
  statuses: readonly Status[],
): Partial<ClusterSnapshot> => {
  const names = ["a", "b"];
  const other = cluster === east ? "west" : "east";
  const [agent] = cluster.agents;
  if (agent === undefined) return {};
  return {
    nodes: ok(
      names.map((n, i) => ({
        ...{ name: n, address: `172.18.${id}.${i}`, podCidr: `10.${id}.${i}.0/24`, ready: true },
      })),
    ),
    ciliumNodes: ok(names.map((n, i) => ({ name: n, podCidrs: [`10.${id}.${i}.0/24`] }))),
    containers: ok([]),
    agents: names.map(
      (node): AgentState => ({
        ...agent,
        node,
        health: ok({
          ...{ local: `${cluster.name}/${node}`, timestamp: "", probeIntervalMs: 0 },
          nodes: [
            ...names.map((n, i) => seen(`${cluster.name}/${n}`, `172.18.${id}.${i}`, "well")),
            ...names.map((n, i) => seen(`${other}/${n}`, `172.18.${of}.${i}`, statuses[i] ?? "well")),
          ],
        }),
      }),
    ),
  };
};
const found = (byEast: readonly Status[], byWest: readonly Status[], over: Partial<ClusterSnapshot> = {}) =>
  causesOf(meshWith({ ...twoNodes(east, [1, 2], byEast), ...over }, twoNodes(west, [2, 1], byWest))).filter(
    (f) => f.layer === "health",
  );

describe("no agent of one cluster reaches any node of another", () => {
  test("is one finding with the addresses; the tunnel in the other direction is its effect", () => {
    expect(found(["nodes", "nodes"], ["pods", "pods"])).toMatchObject([
      {
        id: "clusters-unreachable",
        severity: "broken",
        cluster: "west",
        subject: "nodes of west (172.18.2.0, 172.18.2.1) from east",
        message:
          "no agent of east reaches any node of west at the address by which it is announced (a 172.18.2.0, b 172.18.2.1) by ICMP or TCP 4240, and within west they are reached: the network between the clusters has no path from the nodes of east (172.18.1.0, 172.18.1.1) to these addresses. Tunnelled packets (UDP 8472) go there too, so no traffic of pods passes between east and west",
      },
    ]);
  });

  test("names the address by which the control plane is connected", () => {
    const peers = ok({ agents: {}, kvstoreMesh: { west: ["https://203.0.113.1:32379"] } });
    const [first] = found(["nodes", "nodes"], ["nodes", "nodes"], { peers });
    expect(first?.message).toContain("nor the other way round (a 172.18.1.0, b 172.18.1.1)");
    expect(first?.message).toContain(
      "the control plane is connected, because it uses another address (203.0.113.1)",
    );
  });

  test("comes before the connections that fail because of it", () => {
    const lost = {
      ...twoNodes(east, [1, 2], ["nodes", "nodes"]),
      kvstoreMesh: ok([remote("west", 2, false)]),
    };
    const all = causesOf(meshWith(lost, twoNodes(west, [2, 1], ["nodes", "nodes"]))).map((f) => f.id);
    expect(all.slice(0, 2)).toEqual(["clusters-unreachable", "peer-not-ready"]);
  });

  test("with nodes that answer ICMP, or only tunnels that fail, the ports are named", () => {
    expect(found(["icmp", "icmp"], ["well", "well"])).toMatchObject([
      {
        message: expect.stringContaining("lets only ICMP pass"),
        next: expect.stringContaining("let UDP 8472 and TCP 4240 pass"),
      },
    ]);
    expect(found(["pods", "pods"], ["pods", "pods"])).toMatchObject([
      {
        id: "clusters-unreachable",
        message: expect.stringContaining("tunnelled packets (UDP 8472) do not pass in either direction"),
        next: expect.stringContaining("let UDP 8472 pass between the nodes of east (172.18.1.0, 172.18.1.1)"),
      },
    ]);
  });
});

describe("a network that is not at fault", () => {
  const both = (status: Status, port?: string) => {
    const { config } = port === undefined ? west : withSettings(west, { "cluster-health-port": port });
    const mesh = meshWith(twoNodes(east, [1, 2], [status, status]), {
      ...twoNodes(west, [2, 1], [status, status]),
      config,
    });
    return causesOf(mesh).filter((f) => f.layer === "health" || f.id === "setting-differs");
  };

  test("health endpoints that answer ICMP get packets through the tunnel: one finding names all nodes", () => {
    expect(both("tcp")).toMatchObject([
      {
        id: "node-unreachable",
        subject: "nodes east/a, east/b, west/a, west/b",
        message:
          "2 of 2 agents of west cannot reach east/a, east/b, and 2 of 2 agents of east cannot reach west/a, west/b by host HTTP, endpoint HTTP: ICMP passes and TCP 4240 does not pass: a security group, a network ACL or a firewall on the way or on the nodes filters it",
        next: expect.stringContaining("in to east/a (172.18.1.0 and 10.9.0.9), east/b"),
      },
    ]);
  });

  test("a refusal is an answer", () => {
    const found = both("refused");
    expect(found.map((f) => f.id)).not.toContain("clusters-unreachable");
    expect(found.find((f) => f.subject === "node west/a")?.message).toContain(
      "the node answers ICMP, and neither TCP 4240 there nor the tunnel (UDP 8472) to it works",
    );
  });

  test("a port that differs explains all that TCP says, and not what ICMP says", () => {
    expect(both("tcp", "9940")).toMatchObject([{ id: "setting-differs", subject: "cluster-health-port" }]);
    const [first, second] = both("nodes", "9940");
    expect(first?.subject).toBe("cluster-health-port");
    expect(second).toMatchObject({
      id: "clusters-unreachable",
      message: expect.stringContaining("(a 172.18.2.0, b 172.18.2.1) by ICMP, nor"),
    });
  });
});

test("a node that is down by itself does not hide that two clusters have no path", () => {
  const down = { containers: ok([{ name: "b", state: "paused" }]) };
  const all = causesOf(
    meshWith(twoNodes(east, [1, 2], ["nodes", "nodes"]), {
      ...twoNodes(west, [2, 1], ["nodes", "nodes"]),
      ...down,
    }),
  );
  // Of west only node a is left, which nobody of its own cluster reaches; the other direction says it all.
  expect(all.filter((f) => f.id === "clusters-unreachable")).toMatchObject([
    { subject: "nodes of east (172.18.1.0, 172.18.1.1) from west" },
  ]);
});

describe("single nodes are named where it is not all of them", () => {
  const ids = (...args: Parameters<typeof found>): string[] =>
    found(...args).map((f) => `${f.id} ${f.subject}`);

  test("a node of two", () => {
    expect(ids(["nodes", "well"], ["well", "well"])).toEqual(["node-unreachable node west/a"]);
    expect(ids(["nodes", "pods"], ["well", "well"])).toEqual([
      "node-unreachable node west/a",
      "node-unreachable node west/b",
    ]);
  });

  test("nodes that their own cluster does not reach either, or that have other addresses by now", () => {
    const mesh = (over: Partial<ClusterSnapshot>) =>
      causesOf(
        meshWith(twoNodes(east, [1, 2], ["nodes", "nodes"]), {
          ...twoNodes(west, [2, 1], ["well", "well"]),
          ...over,
        }),
      ).map((f) => f.id);
    expect(mesh({ agents: west.agents })).not.toContain("clusters-unreachable");
    expect(mesh({ nodes: twoNodes(west, [3, 1], []).nodes ?? west.nodes })).not.toContain(
      "clusters-unreachable",
    );
  });
});

test("with native routing, the routes are named", () => {
  const { config } = withSettings(west, { "routing-mode": "native" });
  const all = causesOf(
    meshWith(twoNodes(east, [1, 2], ["pods", "pods"]), {
      ...twoNodes(west, [2, 1], ["pods", "pods"]),
      config,
    }),
  );
  expect(all.find((f) => f.id === "clusters-unreachable")?.next).toContain(
    "route the pod CIDRs of both clusters between the nodes of east",
  );
});
