import { gunzipSync, gzipSync } from "node:zlib";
import { checkRecord } from "#harness/lib/records.ts";
import { type FaultFixture, faultFixtureFormat } from "#harness/model/fault-fixture.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { IdentityEntry } from "#harness/model/snapshot.ts";
import { clusterOfLabels } from "#harness/semantics/identity-labels.ts";
import { known, nameOf } from "./parts.ts";

/** Compressed JSON; a map is kept as `{ entries: [...] }`. */
export function packFixture(fixture: FaultFixture): Buffer {
  const text = JSON.stringify(fixture, (_, value: unknown) =>
    value instanceof Map ? { entries: [...value] } : value,
  );
  return gzipSync(text, { level: 9 });
}

export function unpackFixture(packed: Buffer, name: string): FaultFixture {
  const value: unknown = JSON.parse(gunzipSync(packed).toString(), (_, inner: unknown) =>
    isPackedMap(inner) ? new Map(inner.entries) : inner,
  );
  return checkRecord(value, faultFixtureFormat, {
    what: `fixture ${name}`,
    remedy: "regenerate it with scripts/tools/fault-fixtures/main.ts",
    code: "evidence-malformed",
  });
}

function isPackedMap(value: unknown): value is { entries: [unknown, unknown][] } {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.keys(value).join() === "entries" &&
    Array.isArray((value as { entries: unknown }).entries)
  );
}

/**
 * The evidence of some fixtures is older than what expectations read. Their labs had no marked namespace, so all were
 * shared, as in 1.18; an identity is one that any agent lists.
 */
export function completed({ clusters }: MeshSnapshot): MeshSnapshot {
  const identities = new Map(
    clusters.flatMap((c) => c.agents.flatMap((a) => known(a.identities))).map((i) => [i.id, i] as const),
  );
  return {
    clusters: clusters.map((c) => (c.namespaces === undefined ? withParts(c, [...identities.values()]) : c)),
  };
}

function withParts(cluster: ClusterSnapshot, identities: readonly IdentityEntry[]): ClusterSnapshot {
  const addressOf = new Map(known(cluster.nodes).map((n) => [n.name, n.address]));
  const nodeOf = new Map(known(cluster.pods).map((p) => [`${p.namespace}/${p.name}`, p.node]));
  const endpoints = known(cluster.ciliumEndpoints);
  const name = nameOf(cluster);
  return {
    ...cluster,
    ciliumVersion: { ok: true, value: "1.18.11" },
    namespaces: {
      ok: true,
      value: [...new Set(endpoints.map((e) => e.namespace))].map((n) => ({ name: n, annotations: {} })),
    },
    ciliumIdentities: {
      ok: true,
      value: identities
        .filter((i) => clusterOfLabels(i.labels) === name)
        .map((i) => ({ ...i, labels: i.labels.toSorted() })),
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
