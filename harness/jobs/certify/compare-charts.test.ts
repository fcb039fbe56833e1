import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import {
  type Charts,
  changedSettings,
  compareCharts,
  requireNewValues,
  unknownValues,
} from "./compare-charts.ts";

test("settings that two charts render differently are reported, with the meaning of the one that narrows policies", () => {
  expect(
    changedSettings(
      { a: "1", gone: "x" },
      { a: "1", "policy-default-local-cluster": "true", devices: "" },
      { from: "1.18.11", to: "1.19.7" },
    ),
  ).toMatchObject([
    {
      id: "setting-internal",
      grade: "information",
      message: expect.stringContaining("devices: not set before"),
    },
    {
      id: "setting-unknown",
      grade: "caution",
      message: 'setting gone: "x" before, not set after; what this means is not in the table of settings',
    },
    {
      id: "setting-changes-meaning",
      grade: "caution",
      message: expect.stringContaining("selects pods of its own cluster only"),
    },
  ]);
});

test("what Envoy does is information where it is off, and the way back has its own meaning", () => {
  const [older, newer] = [
    { "enable-l7-proxy": "false" },
    { "enable-l7-proxy": "false", "envoy-xds-mode": "ads" },
  ];
  const [forth, back] = [
    { from: "1.19.7", to: "1.20.2" },
    { from: "1.20.2", to: "1.19.7" },
  ];
  expect(changedSettings(older, newer, forth)).toMatchObject([
    { id: "setting-internal", grade: "information" },
  ]);
  const on = { "enable-l7-proxy": "true" };
  const withEnvoy = { ...newer, ...on };
  const [there] = changedSettings(on, withEnvoy, forth);
  const [again] = changedSettings(withEnvoy, on, back);
  expect(there?.grade).toBe("caution");
  expect(again?.message).toContain("one stream for each kind of resource");
});

test("values that the new chart does not know are named by their path; free-form maps take anything", () => {
  const known = { clustermesh: { config: { enabled: false } }, extraConfig: {} };
  const own = { clustermesh: { config: { enabledd: true } }, extraConfig: { any: 1 }, old: 1, dropped: null };
  expect(unknownValues(own, known)).toEqual(["clustermesh.config.enabledd", "old"]);
});

describe("with two charts", () => {
  /** A chart, and a program in place of helm that prints what is in it; it fails for one without. */
  function chartOf(version: string, known: object, rendered?: Record<string, string>): string {
    const dir = tempFolder(`chart-${version}`);
    writeFileSync(join(dir, "Chart.yaml"), toYaml({ name: "cilium", version }));
    writeFileSync(join(dir, "values.yaml"), toYaml(known));
    const map = { kind: "ConfigMap", metadata: { name: "cilium-config" }, data: rendered };
    if (rendered !== undefined) writeFileSync(join(dir, "rendered.yaml"), toYaml(map));
    return dir;
  }
  const helm = join(tempFolder("helm"), "helm");
  writeFileSync(helm, '#!/bin/sh\ncat > /dev/null\ncat "$3/rendered.yaml"\n', { mode: 0o755 });
  const chartsOf = (from: string, to: string, own: Record<string, unknown> = {}): Charts => ({
    helm,
    from: { chartDir: from, values: own },
    to: { chartDir: to, values: own },
    own,
    kubernetes: "1.34.0",
    signal: new AbortController().signal,
  });

  test("known defects are judged by the settings that each chart renders", async () => {
    const local = { "policy-default-local-cluster": "true" };
    const old = chartOf("1.18.11", {}, {});
    const defects = (await compareCharts(chartsOf(old, chartOf("1.19.4", {}, local)))).filter((f) =>
      f.message.includes("CVE-2026-56743"),
    );
    expect(defects).toMatchObject([{ id: "defect-in-target", remedy: expect.stringContaining("1.19.5") }]);
    const without = await compareCharts(chartsOf(old, chartOf("1.19.4", {}, {})));
    expect(without.filter((f) => f.message.includes("CVE-2026-56743"))).toEqual([]);
  });

  test("a value that neither chart knows is a caution, and stops nothing", async () => {
    const charts = chartsOf(chartOf("1.19.7", {}, {}), chartOf("1.20.2", {}, {}), { typo: 1 });
    expect(await compareCharts(charts)).toContainEqual(
      expect.objectContaining({ id: "value-ignored", grade: "caution" }),
    );
    await expect(requireNewValues(charts, "east")).resolves.toBeUndefined();
  });

  test("a value that only templates read is known, though no chart lists it", async () => {
    const server = { clustermesh: { apiserver: { tls: { server: { extraDnsNames: [] } } } } };
    const own = { loadBalancer: { mode: "dsr" }, ...server };
    const charts = chartsOf(chartOf("1.19.7", server, {}), chartOf("1.20.2", {}, {}), own);
    await expect(requireNewValues(charts, "east")).resolves.toBeUndefined();
    const found = (await compareCharts(charts)).filter((f) => f.id === "value-ignored");
    expect(found.map((f) => f.message)).toEqual([]);
  });

  test("a value that only the old chart knows stops, by name, unless the new values take it away", async () => {
    const [old, now] = [chartOf("1.19.7", { gone: 1 }, {}), chartOf("1.20.2", {}, {})];
    await expect(requireNewValues(chartsOf(old, now, { gone: 2 }), "east")).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringMatching(/1\.20\.2 ignores values of east.*gone/),
    });
    await expect(requireNewValues(chartsOf(old, now, { gone: null }), "east")).resolves.toBeUndefined();
  });

  test("values that the new chart refuses stop", async () => {
    const charts = chartsOf(chartOf("1.19.7", {}, {}), chartOf("1.20.2", {}));
    await expect(requireNewValues(charts, "east")).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringContaining("1.20.2 refuses the values of east"),
    });
  });
});
