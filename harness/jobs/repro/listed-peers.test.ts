import { expect, test } from "vitest";
import { draftOf, firstLines } from "./plan-examples.ts";

const values = (
  name: string,
  id: number,
  clusters: unknown,
  more: object = { useAPIServer: true },
): object => ({
  cluster: { name, id },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
  clustermesh: { config: { enabled: true, clusters }, ...more },
});

test.each([
  ["a mapping", { beta: { enabled: false } }],
  ["a list", [{ name: "beta", enabled: false }]],
])("a peer that is off in %s is not connected to", async (_, clusters) => {
  const lines = await firstLines({
    "alpha.yaml": values("alpha", 1, clusters),
    "beta.yaml": values("beta", 2, [{ name: "alpha" }]),
  });
  expect(lines).toEqual([expect.stringContaining("lists nobody, and not beta (beta has enabled: false)")]);
});

test("a peer that is contacted at another port than its node port", async () => {
  const files = (port: number, type: string) => ({
    "alpha.yaml": values("alpha", 1, [{ name: "beta", ips: ["192.0.2.1"], port }]),
    "beta.yaml": values("beta", 2, [{ name: "alpha" }], {
      useAPIServer: true,
      apiserver: { service: { type } },
    }),
  });
  expect(await firstLines(files(2379, "NodePort"))).toEqual([
    "alpha: port of peer beta: contacts it at port 2379; its clustermesh-apiserver is a NodePort at 32379 [perhaps]",
  ]);
  expect(await firstLines(files(32379, "NodePort"))).toEqual([]);
  expect(await firstLines(files(2379, "LoadBalancer"))).toEqual([]);
});

test("peers of which there is no file are named", async () => {
  const { differences } = await draftOf({
    "alpha.yaml": values("alpha", 1, [{ name: "beta" }, { name: "gamma" }]),
    "beta.yaml": values("beta", 2, [{ name: "alpha" }]),
  });
  expect(differences.filter((d) => d.field === "peers")).toMatchObject([
    { cluster: "alpha", inSource: "connects to gamma, of which there is no file" },
  ]);
});

test("a cluster that others list, and whose values do not ask for an API server, has none", async () => {
  const files = (more: object) => ({
    "alpha.yaml": values("alpha", 1, [{ name: "beta" }]),
    "beta.yaml": values("beta", 2, [{ name: "alpha" }], more),
  });
  expect(await firstLines(files({}))).toEqual([
    expect.stringMatching(/^beta: clustermesh\.useAPIServer: not set.*\[perhaps\]$/),
  ]);
  expect(await firstLines(files({ useAPIServer: true }))).toEqual([]);
});

test("pods have no addresses of the chart's default where Cilium is chained to another plugin", async () => {
  const { clusters, differences } = await draftOf({
    "alpha.yaml": { ...values("alpha", 1, [{ name: "beta" }]), ipam: {}, cni: { chainingMode: "aws-cni" } },
    "beta.yaml": { ...values("beta", 2, [{ name: "alpha" }]), ipam: {} },
  });
  expect(clusters).toHaveLength(2);
  expect(differences.filter((d) => d.inSource.includes("overlap"))).toEqual([]);
});
