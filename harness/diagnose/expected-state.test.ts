import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { describeDifference } from "#harness/semantics/compare.ts";
import { meshDifferences } from "#harness/semantics/mesh-differences.ts";
import { unpackFixture } from "./fixture.ts";
import { known } from "./parts.ts";

const home = join(import.meta.dirname, "fixtures");

/** The evidence of these runs is older than what expectations read: the labs had no marked namespace, and Cilium 1.19. */
function completed(cluster: ClusterSnapshot): ClusterSnapshot {
  const addressOf = new Map(known(cluster.nodes).map((n) => [n.name, n.address]));
  const nodeOf = new Map(known(cluster.pods).map((p) => [`${p.namespace}/${p.name}`, p.node]));
  const endpoints = known(cluster.ciliumEndpoints);
  return {
    ...cluster,
    ciliumVersion: { ok: true, value: "1.19.4" },
    namespaces: {
      ok: true,
      value: [...new Set(endpoints.map((e) => e.namespace))].map((name) => ({ name, annotations: {} })),
    },
    ciliumEndpoints: {
      ok: true,
      value: endpoints.map((e) => {
        const hostIp = addressOf.get(nodeOf.get(`${e.namespace}/${e.name}`) ?? "");
        return hostIp === undefined ? e : { ...e, hostIp };
      }),
    },
  };
}

function sentences(name: string): string[] {
  const { snapshot } = unpackFixture(readFileSync(join(home, `${name}.json.gz`)), name);
  const mesh: MeshSnapshot = { clusters: snapshot.clusters.map(completed) };
  return meshDifferences(mesh).differences.map(describeDifference);
}

/** What a fault changes in endpoints and maps; all others leave them as they should be. */
const changes: Readonly<Record<string, RegExp>> = {
  // An agent keeps what a peer that does not answer told it.
  "apiserver-down":
    /^the ipcache of east\/\S+ holds address 10\.2\.\d+\.\d+ \(identity \d+\), which nothing of west has$/,
  "etcd-killed": /^the BPF service map of west\/\S+ lacks backend 10\.2\.\d+\.\d+:2379 of /,
  "half-meshed": /^the ipcache of east\/\S+ lacks address 10\.2\.\d+\.\d+, which pod \S+ of west has$/,
  "unknown-peer": /^the ipcache of east\/\S+ lacks address 10\.2\.\d+\.\d+, which pod \S+ of west has$/,
  "ipcache-entry-removed":
    /^the ipcache of east\/\S+ lacks address 10\.2\.1\.206, which pod kube-system\/\S+ of west has$/,
  "stale-endpoint":
    /^the API server of west holds CiliumEndpoint \S+ \(10\.2\.255\.254\), which nothing of west has$/,
  "stale-endpoint-back":
    /^the API server of east holds CiliumEndpoint \S+ \(10\.1\.255\.254\), which nothing of east has$/,
};

test.each(globSync("*.json.gz", { cwd: home }).map((f) => basename(f, ".json.gz")))(
  "identities and tunnel endpoints of a real mesh under %s",
  (name) => {
    const all = sentences(name);
    const expected = changes[name];
    if (expected === undefined) expect(all).toEqual([]);
    else {
      expect(all.length).toBeGreaterThan(0);
      for (const sentence of all) expect(sentence).toMatch(expected);
    }
  },
);
