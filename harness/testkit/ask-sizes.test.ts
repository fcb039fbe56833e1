import { expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { KindRef } from "#harness/kube/kube.ts";
import type { AskSpec } from "#harness/model/probe-wire.ts";
import { askSizes, healthAddresses, healthSizes } from "./ask-sizes.ts";

const node = {
  metadata: { name: "node-1" },
  spec: { podCIDR: "10.1.0.0/24" },
  status: { addresses: [{ type: "InternalIP", address: "172.18.0.2" }] },
};
const ciliumNode = { metadata: { name: "node-1" }, spec: { health: { ipv4: "10.1.0.9" } } };

/** A cluster of one node, whose prober answers every request; `asked` are the requests, as `host:port`. */
function clusterWith(settings: Readonly<Record<string, string>>): {
  readonly cluster: Cluster;
  readonly asked: string[];
} {
  const asked: string[] = [];
  const kube = {
    cluster: "east",
    list: async ({ plural }: KindRef) => (plural === "nodes" ? [node] : [ciliumNode]),
    exec: async ({ argv }: { readonly argv: readonly string[] }) => {
      const { asks } = JSON.parse(argv[3] ?? "") as AskSpec;
      asked.push(...asks.map(({ host, port }) => `${host}:${port}`));
      const answers = asks.map(() => [{ outcome: "ok", body: "", detail: "", ms: 1 }]);
      return { exitCode: 0, stdout: JSON.stringify({ answers }), stderr: "" };
    },
  };
  const cluster = { name: "east", kube, setting: async (key: string) => settings[key] };
  return { cluster: cluster as unknown as Cluster, asked };
}

const place = { cluster: "east", node: "node-1", namespace: "meshproof" };
const vantage = { ...place, pod: "prober", uid: "1", ip: "10.1.0.7" };

test.each<[string, Readonly<Record<string, string>>, number]>([
  ["by default", {}, 4240],
  ["of cilium-config", { "cluster-health-port": "9940" }, 9940],
])("agents are asked at the port %s, in every size", async (_, settings, port) => {
  const { cluster, asked } = clusterWith(settings);
  const targets = await healthAddresses(cluster);
  expect(targets.map((t) => t.name)).toEqual([
    "east/node-1 (172.18.0.2)",
    "the health endpoint of east/node-1 (10.1.0.9)",
  ]);
  const options = { timeoutMs: 1000, signal: AbortSignal.timeout(10_000) };
  const sizes = healthSizes(1450);
  const paths = await askSizes({ cluster, vantages: [vantage] }, targets, sizes, options);
  expect(paths).toHaveLength(targets.length * sizes.length);
  expect(asked).toEqual(["172.18.0.2", "10.1.0.9"].flatMap((host) => sizes.map(() => `${host}:${port}`)));
});

test("other targets are asked at the port of the sizes", async () => {
  const { cluster, asked } = clusterWith({});
  const target = { name: "echo", host: "10.2.0.5", smallBody: "echo" };
  const sizes = [{ size: undefined, ask: { protocol: "http" as const, port: 8080, path: "/" } }];
  const options = { timeoutMs: 1000, signal: AbortSignal.timeout(10_000) };
  await askSizes({ cluster, vantages: [vantage] }, [target], sizes, options);
  expect(asked).toEqual(["10.2.0.5:8080"]);
});
