import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { describeDifference } from "#harness/semantics/compare.ts";
import { meshDifferences } from "#harness/semantics/mesh-differences.ts";
import { completed, unpackFixture } from "./fixture.ts";

const home = join(import.meta.dirname, "fixtures");

function sentences(name: string): string[] {
  const { snapshot } = unpackFixture(readFileSync(join(home, `${name}.json.gz`)), name);
  return meshDifferences(completed(snapshot)).differences.map(describeDifference);
}

const nothingOfWest =
  /^the (ipcache of east\/\S+ lacks address 10\.2\.\d+\.\d+, which pod \S+|agent of east\/\S+ lacks identity \d+, which CiliumIdentity \d+) of west has$/;

/** Told by a peer that no longer answers, while pods of its cluster came and went. */
const outdatedOfPeer =
  /^the ipcache of (cluster[12]|east|west)\/\S+ (holds address 10\.[12]\.\d+\.\d+ \(identity \d+\), which nothing of \w+ has|lacks address 10\.[12]\.\d+\.\d+, which pod kube-system\/\S+ of \w+ has)$/;
const outdatedOrLost = new RegExp(
  `${outdatedOfPeer.source}|^the copy of (cluster1|east)'s data in the kvstore of (cluster2|west) lacks cluster (cluster1|east)$`,
);
const copyHoldsOldPod =
  /^the copy of cluster1's data in the kvstore of cluster2 holds address 10\.1\.\d+\.\d+, which nothing of cluster1 has$/;

/** What a fault changes in endpoints and maps; all others leave them as they should be. */
const changes: Readonly<Record<string, RegExp>> = {
  // An agent keeps what a peer that does not answer told it.
  "apiserver-down":
    /^the ipcache of east\/\S+ holds address 10\.2\.\d+\.\d+ \(identity \d+\), which nothing of west has$/,
  "apiserver-shut-off": outdatedOrLost,
  "apiserver-shut-off-clusterwide": outdatedOrLost,
  "kvstoremesh-without-peers": outdatedOfPeer,
  "apiserver-secret-missing": copyHoldsOldPod,
  "remote-users-missing": copyHoldsOldPod,
  // Identities have other bits for the cluster's id.
  "cluster-limit-changed":
    /^the (agent|ipcache) of cluster[12]\/\S+ (lacks identity|holds identity|holds address) [\d.]+.*, which (CiliumIdentity \d+|nothing) of cluster[12] has$/,
  "ipcache-entry-changed":
    /^the ipcache of cluster1\/\S+ has identity 2 for address 10\.2\.0\.127 .*, not 135646$/,
  "ipcache-tunnel-changed":
    /^the ipcache of cluster1\/\S+ has tunnel endpoint 172\.21\.0\.3 for address 10\.2\.0\.127 .*, not 172\.21\.0\.2$/,
  "kvstore-address-missing":
    /^the kvstore of cluster2 lacks address 10\.2\.0\.47, which pod kube-system\/\S+ of cluster2 has$/,
  "etcd-killed": /^the BPF service map of west\/\S+ lacks backend 10\.2\.\d+\.\d+:2379 of /,
  "half-meshed": nothingOfWest,
  "unknown-peer": nothingOfWest,
  // By the id that west announces, its agents' own identities are another cluster's.
  "wrong-cluster-id": /^the agent of west\/\S+ lacks identity \d+, which CiliumIdentity \d+ of west has$/,
  "identity-missing": /^the agent of east\/\S+ lacks identity \d+, which CiliumIdentity \d+ of west has$/,
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
