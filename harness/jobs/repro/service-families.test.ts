import { describe, expect, test } from "vitest";
import { readFolder } from "./plan-examples.ts";
import { sourceProblems } from "./source-problems.ts";

interface Side {
  readonly values?: object;
  readonly spec?: object;
  readonly services?: string;
}

const dual = { ipv6: { enabled: true } };
const files = (name: string, id: number, { values = dual, spec = {}, services }: Side) => ({
  [`${name}.yaml`]: [
    {
      cluster: { name, id },
      image: { tag: "v1.19.7" },
      ipam: {
        operator: {
          clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`],
          clusterPoolIPv6PodCIDRList: [`fd00:${id}::/104`],
        },
      },
      clustermesh: { useAPIServer: true },
      ...values,
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "cart", namespace: "shop", annotations: { "service.cilium.io/global": "true" } },
      spec: { selector: { app: "cart" }, ports: [{ name: "http", port: 80 }], ...spec },
    },
    ...(services === undefined
      ? []
      : [
          {
            apiVersion: "kubeadm.k8s.io/v1beta4",
            kind: "ClusterConfiguration",
            networking: { serviceSubnet: services },
          },
        ]),
  ],
});
const linesOf = async (a: Side, b: Side): Promise<string[]> =>
  sourceProblems(await readFolder({ ...files("alpha", 1, a), ...files("beta", 2, b) }), [])
    .filter((row) => row.inSource.includes("IP family"))
    .map((row) => `${row.cluster}: ${row.field}: ${row.inSource} [${row.matters}]`);
const single = (family: string): Side => ({ spec: { ipFamilyPolicy: "SingleStack", ipFamilies: [family] } });

describe("a global service without a family in common", () => {
  test.each<[string, Side, Side]>([
    ["as it says", single("IPv4"), single("IPv6")],
    ["by its addresses", { spec: { clusterIP: "10.96.0.9" } }, { spec: { clusterIPs: ["fd00::9"] } }],
    [
      "by the first service CIDR of each cluster",
      { services: "10.96.0.0/16,fd00:96::/112" },
      { services: "fd00:97::/112,10.97.0.0/16" },
    ],
    ["by the only family of each cluster", { values: {} }, { values: { ipv4: { enabled: false }, ...dual } }],
  ])("%s", async (_, a, b) => {
    expect(await linesOf(a, b)).toEqual([
      expect.stringMatching(
        /^alpha, beta: Service shop\/cart: no IP family in common: alpha IPv4, beta IPv6; .* \[yes\]$/,
      ),
    ]);
  });

  test.each<[string, Side, Side]>([
    ["both families on one side", { spec: { ipFamilyPolicy: "RequireDualStack" } }, single("IPv6")],
    ["two named families", { spec: { ipFamilies: ["IPv4", "IPv6"] } }, single("IPv6")],
    [
      "both families, where the cluster has them",
      { spec: { ipFamilyPolicy: "PreferDualStack" }, services: "10.96.0.0/16,fd00:96::/112" },
      single("IPv6"),
    ],
    ["a cluster whose first family is not known", {}, single("IPv6")],
    ["a headless one, which has no address", { spec: { clusterIP: "None" } }, single("IPv6")],
    ["one family", single("IPv6"), single("IPv6")],
  ])("is not said of %s", async (_, a, b) => {
    expect(await linesOf(a, b)).toEqual([]);
  });
});
