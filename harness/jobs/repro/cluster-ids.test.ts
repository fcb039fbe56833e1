import { expect, test } from "vitest";
import type { Note, SourceCluster } from "#harness/model/source-environment.ts";
import { isIdUnknown, misplacedIds, sameIds, wrongIds } from "./cluster-ids.ts";
import { clusterOf } from "./cluster-of.ts";
import { unusedValue } from "./part.ts";

const of = (name: string, values: Record<string, unknown>, notes: Note[] = []): SourceCluster =>
  clusterOf(name, [{ source: `${name}.yaml`, cluster: name, values, objects: [], sysdump: false, notes }]);
const mesh = { clustermesh: { useAPIServer: true } };
const problems = (...clusters: SourceCluster[]): string[] =>
  [...sameIds(clusters), ...clusters.flatMap(wrongIds)].map(
    (p) => `${p.cluster}: ${p.inSource} [${p.matters}]`,
  );

test("the chart's id is in force where no value gives one, and 0 is in no mesh", () => {
  const a = of("a", { ...mesh, cluster: { name: "a" } });
  expect(problems(a)).toEqual([
    expect.stringMatching(
      /^a: 0, the chart's default, because no file gives cluster.id: 0 is reserved: .* \[yes\]$/,
    ),
  ]);
  expect(isIdUnknown(a)).toBe(false);
  expect(problems(of("a", { ...mesh, global: { cluster: { id: "11" } } }))[0]).toContain(
    "because nothing reads global.cluster.id (11)",
  );
});

test("an id among values that are replaced is not in force, and the line says which", () => {
  const replaced = unusedValue("valuesFile of helmCharts[0] of k.yaml", "v.yaml is not used");
  const pool = unusedValue("value ipam.operator.x", "10.1.0.0/16: not in force");
  expect(problems(of("a", { ...mesh, cluster: { name: "a" } }, [pool, replaced]))).toEqual([
    expect.stringContaining(
      "because nothing that is used gives cluster.id, and the valuesFile of helmCharts[0] of k.yaml is not: 0 is",
    ),
  ]);
});

test("it is not known where the id may be set elsewhere, or where nothing says that the cluster is in a mesh", () => {
  const unread: Note = {
    field: "values in other files",
    inSource: "x.yaml",
    inLab: "not read: give it",
    matters: "perhaps",
    part: "other",
  };
  const elsewhere = of("a", { ...mesh, cluster: { name: "a" } }, [unread]);
  const alone = of("a", { cluster: { name: "a" }, hubble: { enabled: true } });
  for (const c of [elsewhere, alone]) {
    expect(problems(c)).toEqual([]);
    expect(isIdUnknown(c)).toBe(true);
  }
  // A placeholder is a doubt of its own.
  expect(isIdUnknown(of("a", { ...mesh, cluster: { id: "{{ .id }}" } }))).toBe(false);
});

test("an id at another place is found, and one of a peer's certificate or list is none", () => {
  expect(
    misplacedIds({ cluster: { id: 1, ID: 2 }, clusterID: 3, x: { cluster_id: 4, clusterName: "a" } }),
  ).toEqual(["cluster.ID (2)", "clusterID (3)", "x.cluster_id (4)"]);
  expect(misplacedIds({ clustermesh: { config: { clusters: [{ cluster: { id: 7 } }] } } })).toEqual([]);
});

test("two equal ids", () => {
  const with3 = (name: string) => of(name, { ...mesh, cluster: { name, id: 3 } });
  expect(problems(with3("a"), with3("b"))).toEqual([expect.stringContaining("a, b: 3 in 2 clusters")]);
});
