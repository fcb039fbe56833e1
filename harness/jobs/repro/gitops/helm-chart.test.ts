import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { first, object, pathsOf, valuesOf } from "./example-files.ts";

const chart = (spec: object, name = "cilium"): object =>
  object("helm.cattle.io/v1", "HelmChart", { spec: { chart: "cilium", version: "1.19.4", ...spec } }, name);
const config = (spec: object, name = "cilium"): object =>
  object("helm.cattle.io/v1", "HelmChartConfig", { spec }, name);
const secret = (name: string, stringData: object): object => object("v1", "Secret", { stringData }, name);
const text = (values: object): string => toYaml(values);
const alpha = (more: object = {}): object => ({ valuesContent: text(valuesOf("alpha", 1, more)) });

test("Secrets are in force over a HelmChart's values in their order, and `set` over all", async () => {
  const cluster = await first({
    "alpha/cilium.yaml": [
      chart({
        ...alpha({ MTU: 1, tunnelPort: 1, routingMode: "native" }),
        values: { MTU: 2 },
        valuesSecrets: [{ name: "site", keys: ["b", "a"] }],
        set: { routingMode: "tunnel" },
      }),
      secret("site", { a: text({ cluster: { id: 7 }, MTU: 4 }), b: text({ MTU: 3, tunnelPort: 5 }) }),
    ],
  });
  expect(cluster).toMatchObject({
    id: 7,
    values: { MTU: 4, tunnelPort: 5, routingMode: "tunnel" },
    notes: [],
  });
});

test("a HelmChartConfig is in force over its HelmChart, wherever it stands", async () => {
  const cluster = await first({
    "alpha/cilium-config.yaml": config({ valuesContent: text({ MTU: 9 }), values: { tunnelPort: 8 } }),
    "alpha/cilium.yaml": chart(alpha({ MTU: 1, tunnelPort: 1 })),
    "alpha/other.yaml": config({ valuesContent: text({ MTU: 3 }) }, "coredns"),
  });
  expect(cluster).toMatchObject({ id: 1, values: { MTU: 9, tunnelPort: 8 } });
});

test("a HelmChartConfig of the distribution's own chart has Secrets too", async () => {
  const cluster = await first({
    "alpha/config.yaml": [
      config({ ...alpha(), valuesSecrets: [{ name: "site", keys: ["a"] }] }, "rke2-cilium"),
      secret("site", { a: text({ MTU: 4 }) }),
    ],
  });
  expect(cluster).toMatchObject({ id: 1, values: { MTU: 4, ipam: { mode: "kubernetes" } } });
});

test("a Secret that is not there is named", async () => {
  const cluster = await first({
    "alpha/cilium.yaml": chart({ ...alpha(), valuesSecrets: [{ name: "site", keys: ["a"] }] }),
  });
  expect(pathsOf(cluster)).toEqual([
    expect.stringMatching(
      /values in other files: spec\.valuesSecrets\[0\] of HelmChart .*Secret site is in no file/,
    ),
  ]);
});
