import { expect, test } from "vitest";
import { type ExportedService, exportConflicts } from "./export-conflicts.ts";

const ports = [{ name: "http", port: 80 }];
const of = (cluster: string, spec: object = {}, more: Partial<ExportedService> = {}): ExportedService => ({
  cluster,
  spec: { ports, ...spec },
  ...more,
});
const reasons = (...exports: ExportedService[]): string[] => exportConflicts(exports).map((c) => c.reason);

test("equal exports, and one alone, have no conflict", () => {
  expect(reasons(of("c1"), of("c2"), of("c3"))).toEqual([]);
  expect(reasons(of("c1", { clusterIP: "None" }))).toEqual([]);
  const written = { sessionAffinity: "None", ports: [{ name: "http", port: 80, protocol: "TCP" }] };
  expect(reasons(of("c1", { clusterIP: "10.96.0.9" }), of("c2", written))).toEqual([]);
});

test.each([
  ["a headless one", { clusterIP: "None" }, "TypeConflict"],
  ["affinity", { sessionAffinity: "ClientIP" }, "SessionAffinityConflict"],
  [
    "its time",
    { sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
    "SessionAffinityConfigConflict",
  ],
  ["a port's name", { ports: [{ name: "web", port: 80 }] }, "PortConflict"],
  ["another protocol", { ports: [{ name: "http", port: 80, protocol: "UDP" }] }, "PortConflict"],
])("%s", (_, spec, reason) => {
  expect(reasons(of("c1"), of("c2", spec))).toEqual([reason]);
});

test("the oldest export is named where all have a time", () => {
  const [old, young] = ["2026-05-04T09:00:00Z", "2026-08-11T09:00:00Z"];
  const headless = of("c2", { clusterIP: "None" }, { since: old });
  expect(exportConflicts([of("c1", {}, { since: young }), headless])).toEqual([
    {
      reason: "TypeConflict",
      what: `c1 with a ClusterIP, c2 headless: the oldest export decides for all clusters (that of c2, ${old})`,
      breaks: true,
    },
  ]);
  const [conflict] = exportConflicts([of("c1"), headless]);
  expect(conflict?.what).not.toContain("that of");
});

test("families are compared where they are known", () => {
  const [v4, v6] = [{ families: ["IPv4"] }, { families: ["IPv6"] }];
  expect(reasons(of("c1", {}, v4), of("c2", {}, v6))).toEqual(["IPFamilyConflict"]);
  expect(reasons(of("c1", {}, v4), of("c2", {}, { families: ["IPv6", "IPv4"] }))).toEqual([]);
  expect(reasons(of("c1", {}, v4), of("c2"))).toEqual([]);
});
