import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { east, west } from "./example-clusters.ts";
import { cutOffNodes, health } from "./health.ts";
import { ok, withSettings } from "./healthy-mesh.ts";

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
