import { describe, expect, test } from "vitest";
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
  // Before, the chart's schema takes a list only.
  const image = { tag: "v1.19.7" };
  const lines = await firstLines({
    "alpha.yaml": { ...values("alpha", 1, clusters), image },
    "beta.yaml": { ...values("beta", 2, [{ name: "alpha" }]), image },
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

describe("a cluster that others list as a peer", () => {
  const files = (more: object, beta: object = {}) => ({
    "alpha.yaml": values("alpha", 1, [{ name: "beta" }]),
    "beta.yaml": { ...values("beta", 2, [{ name: "alpha" }], more), ...beta },
  });
  const unread =
    /^beta: clustermesh\.useAPIServer: not set.* no other cluster can read this one, .*of alpha \[yes\]$/;

  test("and whose values do not ask for an API server, has none", async () => {
    expect(await firstLines(files({}))).toEqual([expect.stringMatching(unread)]);
    expect(await firstLines(files({ useAPIServer: true }))).toEqual([]);
    expect(await firstLines(files({}, { etcd: { enabled: true } }))).toEqual([]);
  });

  test("and has nothing of a mesh in its values, connects to nobody either", async () => {
    expect(await firstLines(files({}, { clustermesh: undefined }))).toEqual([
      expect.stringMatching(unread),
      expect.stringMatching(/^beta: clustermesh\.config\.enabled: not set.*connects to nobody.*\[perhaps\]$/),
    ]);
    // A cluster that nobody lists may be meshed by commands.
    const { "beta.yaml": beta } = files({}, { clustermesh: undefined });
    expect(await firstLines({ "alpha.yaml": values("alpha", 1, []), "beta.yaml": beta })).toEqual([]);
  });

  test("may have it by a file that was not read, or by a command", async () => {
    const chart = { name: "cilium", chart: "cilium/cilium" };
    const { "beta.yaml": beta, ...rest } = files({});
    expect(
      await firstLines({
        ...rest,
        "helmfile.yaml": { releases: [{ ...chart, values: [beta, "none.yaml"] }] },
      }),
    ).toEqual([expect.stringMatching(/^beta: clustermesh\.useAPIServer: not set.*\[perhaps\]$/)]);
    const set =
      "--set 'ipam.operator.clusterPoolIPv4PodCIDRList={10.2.0.0/16},clustermesh.config.enabled=true'";
    const install = `cilium install --set cluster.name=beta,cluster.id=2 ${set}`;
    expect(await firstLines({ ...rest, "beta.sh": `${install}\ncilium clustermesh enable\n` })).toEqual([]);
    expect(await firstLines({ ...rest, "beta.sh": `${install}\n` })).toEqual([expect.stringMatching(unread)]);
  });
});

test("peers that are listed without clustermesh.config.enabled are not connected to", async () => {
  const off = {
    ...values("alpha", 1, []),
    clustermesh: { useAPIServer: true, config: { clusters: [{ name: "beta" }] } },
  };
  expect(await firstLines({ "alpha.yaml": off, "beta.yaml": values("beta", 2, []) })).toEqual([
    "alpha: clustermesh.config.enabled: not set, which is false: alpha connects to nobody, though its own values list beta [perhaps]",
  ]);
});

test("pods have no addresses of the chart's default where Cilium is chained to another plugin", async () => {
  const { clusters, differences } = await draftOf({
    "alpha.yaml": { ...values("alpha", 1, [{ name: "beta" }]), ipam: {}, cni: { chainingMode: "aws-cni" } },
    "beta.yaml": { ...values("beta", 2, [{ name: "alpha" }]), ipam: {} },
  });
  expect(clusters).toHaveLength(2);
  expect(differences.filter((d) => d.inSource.includes("overlap"))).toEqual([]);
});
