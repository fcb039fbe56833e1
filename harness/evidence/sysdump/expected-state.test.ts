import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { describeDifference } from "#harness/semantics/compare.ts";
import { meshDifferences } from "#harness/semantics/mesh-differences.ts";
import { snapshotOf } from "../snapshot.ts";
import { readSysdumps } from "./sysdump.ts";

const dir = join(repoRoot(), "../shared/sysdumps");

async function meshOf(kind: string): Promise<MeshSnapshot> {
  const dumps = await Promise.all(["c1", "c2"].map((c) => readSysdumps(join(dir, `${kind}-${c}.zip`))));
  return snapshotOf(new Map(dumps.flat().map((d) => [d.cluster, d.evidence])));
}

describe.skipIf(!existsSync(dir))("archives of a real mesh", () => {
  test("a healthy one: every step was read and holds what it should", async () => {
    const mesh = await meshOf("healthy");
    expect(meshDifferences(mesh)).toEqual({ differences: [], unread: [] });
    for (const { kvstore, ciliumVersion } of mesh.clusters) {
      expect(ciliumVersion).toEqual({ ok: true, value: "1.19.1" });
      if (kvstore?.ok !== true) throw new Error("no kvstore");
      const { own, caches } = kvstore.value;
      for (const { nodes, addresses, identities, services } of [own, ...Object.values(caches)])
        expect([nodes, addresses, identities, services].every((all) => all.length >= 2)).toBe(true);
      expect(Object.keys(caches)).toHaveLength(1);
    }
  });

  test("a broken one: KVStoreMesh of the first has no copy of the second", async () => {
    expect(meshDifferences(await meshOf("broken")).differences.map(describeDifference)).toEqual([
      "the copy of c2's data in the kvstore of c1 lacks cluster c2",
    ]);
  });
});
