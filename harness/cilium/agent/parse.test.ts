import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { repoRoot } from "#harness/platform/paths.ts";
import { dropOf, isOfFlow } from "./drops.ts";
import {
  parseHealth,
  parseIpcache,
  parseLbMaps,
  parseNodeList,
  parseRemoteClusters,
  parseServiceList,
} from "./parse.ts";

// Recorded from a lab of this project: Cilium 1.19.4, clusters east and west.
const recorded = (name: string): string => readFileSync(join(import.meta.dirname, "fixtures", name), "utf8");

// The shape of api/v1/models/remote_cluster.go and remote_cluster_synced.go of Cilium 1.20.2.
test("a program of 1.20 that reads EndpointSlices reports their number and whether they are synchronised", () => {
  const remote = {
    name: "west",
    "num-endpoint-slices": 2,
    "num-nodes": 2,
    synced: { "endpoint-slices": false, nodes: true, endpoints: true, identities: true, services: true },
  };
  const [read] = parseRemoteClusters(JSON.stringify({ "cluster-mesh": { clusters: [remote] } }));
  expect(read?.counts).toEqual({ nodes: 2, endpoints: 0, identities: 0, services: 0, endpointSlices: 2 });
  expect(read?.synced).toEqual({
    nodes: true,
    endpoints: true,
    identities: true,
    services: true,
    endpointSlices: false,
  });
});

describe("recorded agent output", () => {
  test("node list", () => {
    const nodes = parseNodeList(recorded("node-list.json"));
    expect(nodes.map((n) => n.name).sort()).toEqual([
      "east/meshproof-ci-east-control-plane",
      "east/meshproof-ci-east-worker",
      "west/meshproof-ci-west-control-plane",
      "west/meshproof-ci-west-worker",
    ]);
    for (const node of nodes) {
      expect(node.podCidrs[0]).toMatch(
        node.name.startsWith("east/") ? /^10\.1\.\d+\.0\/24$/ : /^10\.2\.\d+\.0\/24$/,
      );
      expect(node.addresses.filter((a) => a.type === "InternalIP")).toHaveLength(1);
    }
  });
  test("status", () => {
    expect(parseRemoteClusters(recorded("status.json"))).toEqual([
      expect.objectContaining({
        name: "west",
        connected: true,
        ready: true,
        config: { required: true, retrieved: true, clusterId: 2, kvstoreMesh: true },
        synced: { nodes: true, endpoints: true, identities: true, services: true },
      }),
    ]);
  });
  test("health", () => {
    const health = parseHealth(recorded("health.json"));
    expect(health.local).toBe("east/meshproof-ci-east-control-plane");
    expect(health.nodes).toHaveLength(4);
    expect(Math.round(health.probeIntervalMs)).toBeGreaterThan(20_000);
    for (const node of health.nodes)
      expect(
        [node.host.icmp, node.host.http, node.endpoint?.icmp, node.endpoint?.http].every(
          (p) => p !== undefined && p.lastProbed !== "",
        ),
      ).toBe(true);
  });
  test("services and BPF maps have the same frontends", () => {
    const services = parseServiceList(recorded("service-list.json"));
    const maps = parseLbMaps(recorded("lb-list.json"));
    const canary = services.find(
      (s) => s.name === "canary-west" && s.type === "ClusterIP" && s.protocol === "TCP",
    );
    expect(canary?.backends).toHaveLength(1);
    expect(maps.get(`${canary?.frontend}/TCP`)).toEqual([`${canary?.backends[0]?.ip}:8080/TCP`]);
  });
  test("ipcache", () => {
    const entries = parseIpcache(recorded("ipcache.json"));
    const remote = entries.filter(
      (e) => e.cidr.startsWith("10.2.") && e.cidr.endsWith("/32") && e.identity > 255,
    );
    expect(remote.length).toBeGreaterThan(0);
    for (const entry of remote) expect(entry.tunnelEndpoint).toMatch(/^172\./);
  });
});

test("an agent that has just started has probed no node", () => {
  expect(parseHealth('{"local":{"name":"east/a"},"nodes":null,"probeInterval":"0s"}')).toMatchObject({
    local: "east/a",
    nodes: [],
  });
});

describe("malformed evidence is an error, never an empty list", () => {
  test.each([
    ["node list", () => parseNodeList("[{}]")],
    ["status", () => parseRemoteClusters("no JSON")],
    ["health", () => parseHealth("{}")],
    ["services", () => parseServiceList('{"a":1}')],
    ["ipcache", () => parseIpcache('{"10.0.0.1/32":["nothing"]}')],
  ])("%s", (_name, read) => {
    expect(read).toThrow(expect.objectContaining({ code: "evidence-malformed" }));
  });
});

describe("sysdump archives", () => {
  const dir = join(repoRoot(), "../shared/sysdumps");
  test.skipIf(!existsSync(dir)).each(["healthy-c1", "healthy-c2", "broken-c1", "broken-c2"])(
    "%s reads",
    (name) => {
      const members = unzipSync(readFileSync(join(dir, `${name}.zip`)), {
        filter: (f) =>
          /cmd\/(cilium-dbg-node-list--o-json|cilium-health-status--o-json|cilium-dbg-service-list--o-json)\.md$/.test(
            f.name,
          ),
      });
      const texts = (part: string): string[] =>
        Object.entries(members)
          .filter(([path]) => path.includes(part))
          .map(([, bytes]) => strFromU8(bytes));
      const lists = texts("node-list").map(parseNodeList);
      const health = texts("health-status").map(parseHealth);
      const services = texts("service-list").map(parseServiceList);
      expect([lists.length, health.length, services.length]).toEqual([2, 2, 2]);
      const own = name.endsWith("c1") ? "c1/" : "c2/";
      for (const list of lists) expect(list.filter((n) => n.name.startsWith(own))).toHaveLength(2);
      if (name.startsWith("healthy")) for (const list of lists) expect(list).toHaveLength(4);
    },
  );
});

test("drops, and the flow that each belongs to", () => {
  const line =
    "xx drop (Policy denied) flow 0x0 to endpoint 12, ifindex 9, file bpf_lxc.c:2080, , identity 65540->131077: 10.1.0.5:40112 -> 10.2.1.7:8080 tcp SYN";
  const drop = dropOf(line);
  const flow = { source: "10.1.0.5", destination: "10.2.1.7", port: 8080, protocol: "tcp" as const };
  expect(drop).toEqual({ reason: "Policy denied", ...flow });
  if (drop === undefined) throw new Error("no drop");
  expect(isOfFlow(drop, flow)).toBe(true);
  for (const other of [
    { ...flow, source: "10.1.0.6" },
    { ...flow, destination: "10.2.1.8" },
    { ...flow, port: 8081 },
    { ...flow, protocol: "udp" as const },
  ])
    expect(isOfFlow(drop, other)).toBe(false);
  const v6 = dropOf("xx drop (Policy denied) flow 0x0, identity 1->2: [fd00::1]:4 -> [fd00::2]:53 udp");
  expect(v6).toMatchObject({ source: "fd00::1", destination: "fd00::2", port: 53, protocol: "udp" });
  const tunnelled = `${line} [tunnel 172.18.0.2:3 -> 172.18.0.3:8472 vxlan]`;
  expect(dropOf(tunnelled)).toMatchObject({ destination: "10.2.1.7", port: 8080 });
  expect(dropOf("Listening for events on 2 CPUs")).toBeUndefined();
});
