import { describe, expect, test } from "vitest";
import { object, valuesOf } from "./gitops/example-files.ts";
import { firstLines, readFolder } from "./plan-examples.ts";

const pools = (ipv4: unknown, more: object = {}): object => ({
  ipam: { operator: { clusterPoolIPv4PodCIDRList: ipv4, ...more } },
});
const pair = (a: object, b: object) => ({
  "alpha.yaml": valuesOf("alpha", 1, a),
  "beta.yaml": valuesOf("beta", 2, b),
});
const poolObject = (cidrs: readonly string[]): object =>
  object("cilium.io/v2alpha1", "CiliumPodIPPool", { spec: { ipv4: { cidrs, maskSize: 24 } } }, cidrs.join());

describe("ranges of pods overlap", () => {
  test.each([
    [
      "in the second pool",
      pair(pools(["10.80.0.0/16", "10.81.0.0/16"]), pools(["10.90.0.0/16", "10.81.128.0/17"])),
      "they overlap: alpha 10.81.0.0/16, beta 10.81.128.0/17",
    ],
    [
      "in the second pool of one item",
      pair(pools(["10.80.0.0/16 10.81.0.0/16"]), pools(["10.81.128.0/17"])),
      "they overlap: alpha 10.81.0.0/16, beta 10.81.128.0/17",
    ],
    [
      "in the second pool of a command",
      {
        "a.sh":
          "cilium install --set cluster.name=alpha,cluster.id=1,ipam.operator.clusterPoolIPv4PodCIDRList='{10.1.0.0/16,10.5.0.0/16}'",
        "beta.yaml": valuesOf("beta", 2, pools("10.5.0.0/17")),
      },
      "they overlap: alpha 10.5.0.0/16, beta 10.5.0.0/17",
    ],
    [
      "in the default pool of IPv6, beside a pool of IPv4",
      pair(
        { ...pools(["10.1.0.0/16"]), ipv6: { enabled: true } },
        { ...pools(["10.2.0.0/16"]), ipv6: { enabled: true } },
      ),
      "they overlap: alpha fd00::/104, beta fd00::/104 (the chart's default in alpha and beta",
    ],
    [
      "in a pool of multi-pool that an object adds",
      {
        "alpha/v.yaml": valuesOf("alpha", 1, { ipam: { mode: "multi-pool" } }),
        "alpha/pools.yaml": [poolObject(["10.10.0.0/16"]), poolObject(["10.30.0.0/16"])],
        "beta/v.yaml": valuesOf("beta", 2, {
          ipam: {
            mode: "multi-pool",
            operator: { autoCreateCiliumPodIPPools: { default: { ipv4: { cidrs: ["10.30.0.0/17"] } } } },
          },
        }),
        "beta/pools.yaml": [poolObject(["10.40.0.0/16"])],
      },
      "they overlap: alpha 10.30.0.0/16, beta 10.30.0.0/17",
    ],
  ])("%s", async (_, files, line) => {
    expect((await firstLines(files)).join("\n")).toContain(line);
  });

  test("a second pool outside of the native routing CIDR is masqueraded", async () => {
    const native = { routingMode: "native", ipv4NativeRoutingCIDR: "10.80.0.0/15" };
    const lines = await firstLines(
      pair(
        { ...native, ...pools(["10.80.0.0/16"]) },
        { ...native, ...pools(["10.81.0.0/16", "10.99.0.0/16"]) },
      ),
    );
    expect(lines.join("\n")).toContain("does not contain the pods of beta, 10.99.0.0/16");
  });

  test("what ip-masq-agent leaves alone is not masqueraded, by values or by its ConfigMap", async () => {
    const native = { routingMode: "native", ipv4NativeRoutingCIDR: "10.80.0.0/16" };
    const lines = async (agent: object, objects: readonly object[] = []): Promise<string> => {
      const [alpha, beta] = [
        { ...native, ...pools(["10.80.0.0/16"]), ...agent },
        { ...native, ipv4NativeRoutingCIDR: "10.0.0.0/8", ...pools(["10.81.0.0/16"]) },
      ];
      const files = {
        "alpha/v.yaml": valuesOf("alpha", 1, alpha),
        "beta/v.yaml": valuesOf("beta", 2, beta),
        ...(objects.length === 0 ? {} : { "alpha/masq.yaml": [...objects] }),
      };
      return (await firstLines(files)).join("\n");
    };
    const on = (config?: object) => ({
      ipMasqAgent: { enabled: true, ...(config === undefined ? {} : { config }) },
    });
    const told = "does not contain the pods of beta, 10.81.0.0/16";
    expect(await lines({})).toContain(told);
    expect(await lines(on({ nonMasqueradeCIDRs: ["10.0.0.0/8"] }))).not.toContain(told);
    expect(await lines(on())).not.toContain(told);
    expect(await lines(on({ nonMasqueradeCIDRs: ["172.16.0.0/12"] }))).toContain(told);
    expect(await lines({ enableIPv4Masquerade: false })).not.toContain(told);
    const map = {
      ...{
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "ip-masq-agent", namespace: "kube-system" },
      },
      data: { config: "nonMasqueradeCIDRs: [192.168.0.0/16]\n" },
    };
    expect(await lines(on(), [map])).toContain(told);
  });

  test("a sound pair of several pools has no line", async () => {
    const files = pair(pools(["10.1.0.0/16", "10.2.0.0/16"]), pools(["10.3.0.0/16", "10.4.0.0/16"]));
    expect(await firstLines(files)).toEqual([]);
    expect((await readFolder(files)).map((c) => c.podNetwork.all.length)).toEqual([2, 2]);
  });
});
