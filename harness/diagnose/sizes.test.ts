import { expect, test } from "vitest";
import type { SizedRequests } from "#harness/model/mesh-snapshot.ts";
import { exampleMesh } from "#harness/semantics/example-mesh.ts";
import { sizes } from "./sizes.ts";

const full = "1,398 bytes over TCP";
const large = "65,536 bytes over TCP";
const to = "the health endpoint of west/west-1 (10.2.1.2)";

function messages(rows: SizedRequests): string[] {
  const mesh = exampleMesh({ nodes: 2, pods: 2, services: 0 });
  return sizes({
    clusters: mesh.clusters.map((c) => (c.name === "east" ? { ...c, sizes: { ok: true, value: rows } } : c)),
  }).map((f) => f.message);
}

const rowsFrom = (from: string, answered: readonly boolean[]): SizedRequests =>
  [undefined, full, large].map((size, i) => ({
    ...{ from, to, answered: answered[i] === true },
    ...(size === undefined ? {} : { size }),
  }));

test("small requests pass and larger ones do not, from every node, in one finding", () => {
  const rows = ["east/east-0 (10.1.0.3)", "east/east-1 (10.1.1.3)"].flatMap((from) =>
    rowsFrom(from, [true, false, false]),
  );
  expect(messages(rows)).toEqual([
    `small requests from east/east-0 (10.1.0.3) and east/east-1 (10.1.1.3) to ${to} pass, ${full} do not: MTU between these nodes`,
  ]);
});

test("a path on which all sizes pass, or none, has no such finding", () => {
  expect(messages(rowsFrom("east/east-0 (10.1.0.3)", [true, true, true]))).toEqual([]);
  expect(messages(rowsFrom("east/east-0 (10.1.0.3)", [false, false, false]))).toEqual([]);
});
