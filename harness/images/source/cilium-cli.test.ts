import { expect, test } from "vitest";
import { pins } from "#harness/config/pins.ts";
import { chartVersions, ciliumCli, requireCharts } from "./cilium-cli.ts";
import { describeSubstitution, substitutionsFor } from "./substitutions.ts";

const supported = Object.values(pins.minors).map((minor) => minor.cilium);
const component = (versions: readonly string[]) =>
  ciliumCli({
    helm: "/bin/helm",
    versions,
    chartDir: async (version) => `/modules/${version}`,
    signal: new AbortController().signal,
  });

test("the CLI holds the charts of every supported version and of the lab's, each once", () => {
  expect(chartVersions([])).toEqual([...supported].sort());
  const versions = chartVersions(["1.19.1", "1.19.1", ...supported]);
  expect(versions).toEqual([...supported, "1.19.1"].sort());
});

test("other charts are another build", () => {
  expect(component(["1.20.2"]).generated?.key).toBe("cilium-1.20.2.tgz");
  expect(component(["1.19.7", "1.20.2"]).generated?.key).toBe("cilium-1.19.7.tgz cilium-1.20.2.tgz");
});

test("a chart that was packaged under another name is an error that names both", () => {
  expect(() => requireCharts(["go.mod", "cilium-1.20.2.tgz"], ["1.20.2"])).not.toThrow();
  expect(() => requireCharts(["cilium-1.20.3.tgz"], ["1.20.2"])).toThrow(
    /no cilium-1\.20\.2\.tgz, only cilium-1\.20\.3\.tgz/,
  );
});

test("its module of charts has the package and the variable that the CLI imports, and says what it embeds", () => {
  const own = substitutionsFor("cilium-cli", pins.ciliumCli).filter((s) => s.instead.kind === "own-module");
  expect(own.map((s) => s.refused.module)).toEqual(["github.com/cilium/charts"]);
  const [charts] = own;
  const files = charts?.instead.kind === "own-module" ? charts.instead.files : {};
  expect(files["go.mod"]).toContain("module github.com/cilium/charts\n");
  expect(files["charts.go"]).toMatch(
    /^package charts\n[\s\S]*\/\/go:embed cilium-\*\.tgz\nvar HelmFS embed\.FS\n$/,
  );
  expect(own.map(describeSubstitution).join()).toContain("cilium-VERSION.tgz of every supported version");
});
