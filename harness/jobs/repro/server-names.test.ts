import { describe, expect, test } from "vitest";
import { firstLines } from "./plan-examples.ts";

const values = (name: string, id: number, peer: object, more: { config?: object; tls?: object } = {}) => ({
  cluster: { name, id },
  image: { tag: "v1.19.7" },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
  clustermesh: {
    useAPIServer: true,
    config: { enabled: true, clusters: [peer], ...more.config },
    ...(more.tls === undefined ? {} : { apiserver: { tls: more.tls } }),
  },
});
const ips = ["192.0.2.1"];
const pair = (config: object, tls?: object, peer: object = { ips, port: 2379 }) => {
  const more = { config, ...(tls === undefined ? {} : { tls }) };
  return {
    "alpha.yaml": values("alpha", 1, { name: "beta", ...peer }, more),
    "beta.yaml": values("beta", 2, { name: "alpha", ...peer }, more),
  };
};
const domain = "mesh.corp.example";

test("names of another domain are not in the certificates that the chart makes", async () => {
  const [line, ...more] = await firstLines(pair({ domain }));
  expect(more).toEqual([]);
  expect(line).toMatch(
    /^alpha, beta: clustermesh\.config\.domain: mesh\.corp\.example: alpha contacts beta as beta\.mesh\.corp\.example, beta contacts alpha as .* holds \*\.mesh\.cilium\.io only, .* \[yes\]$/,
  );
  expect(line).toContain("clustermesh.apiserver.tls.server.extraDnsNames");
});

test("with every method, and below the usual domain too", async () => {
  const method = { auto: { method: "cronJob" } };
  expect(await firstLines(pair({ domain }, method))).toHaveLength(1);
  expect(await firstLines(pair({ domain: "eu.mesh.cilium.io" }))).toHaveLength(1);
});

test.each([
  ["the chart's domain", pair({ domain: "mesh.cilium.io" })],
  ["a star among further names", pair({ domain }, { server: { extraDnsNames: [`*.${domain}`] } })],
  [
    "each name among them",
    pair({ domain }, { server: { extraDnsNames: [`alpha.${domain}`, `beta.${domain}`] } }),
  ],
  ["certificates of somebody else", pair({ domain }, { auto: { enabled: false } })],
  ["names that are filled in later", pair({ domain }, { server: { extraDnsNames: ["${NAMES}"] } })],
  ["a domain that is filled in later", pair({ domain: "{{ .domain }}" })],
  ["an address in place of IPs", pair({ domain }, undefined, { address: `x.${domain}`, port: 2379 })],
  ["no connections", pair({ domain, enabled: false })],
])("nothing with %s", async (_, files) => {
  expect((await firstLines(files)).filter((line) => line.includes("clustermesh.config.domain"))).toEqual([]);
});

test("a star stands for one label", async () => {
  const tls = { server: { extraDnsNames: ["*.corp.example"] } };
  expect(await firstLines(pair({ domain }, tls))).toHaveLength(1);
});

describe("a peer with an address", () => {
  const at = (address: string, tls?: object, version = "v1.19.7") => {
    const files = pair({}, tls, { address, port: 2379 });
    return firstLines(
      Object.fromEntries(Object.entries(files).map(([k, v]) => [k, { ...v, image: { tag: version } }])),
    );
  };

  test("that no certificate of the chart holds", async () => {
    const [line, ...more] = await at("mesh.corp.example");
    expect(line).toBe(
      "alpha: address of peer beta: contacts it as mesh.corp.example, and the server certificate that the chart makes of beta holds *.mesh.cilium.io only, and no such name of clustermesh.apiserver.tls.server.extraDnsNames: TLS fails, and alpha does not connect [yes]",
    );
    expect(more).toEqual([expect.stringMatching(/^beta: address of peer alpha: /)]);
    const [ip] = await at("192.0.2.9", undefined, "v1.20.2");
    expect(ip).toContain("no such address of clustermesh.apiserver.tls.auto.server.extraIpAddresses");
    expect(await at("[fd00::9]")).toHaveLength(2);
  });

  const auto = (server: object): object => ({ auto: { server } });
  test.each([
    ["the chart's domain", () => at("peer.mesh.cilium.io")],
    ["a further name", () => at("mesh.corp.example", { server: { extraDnsNames: ["*.corp.example"] } })],
    ["a further address", () => at("192.0.2.9", { server: { extraIpAddresses: ["192.0.2.9"] } })],
    ["one of IPv6", () => at("[fd00::9]", { server: { extraIpAddresses: ["fd00:0:0::9"] } })],
    ["the place of 1.20", () => at("a.b", auto({ extraDnsNames: ["a.b"] }), "v1.20.2")],
    ["the older place", () => at("a.b", { server: { extraDnsNames: ["a.b"] } }, "v1.20.2")],
    ["addresses that are filled in later", () => at("a.b", { server: { extraIpAddresses: ["${IPS}"] } })],
    ["certificates of somebody else", () => at("a.b", { auto: { enabled: false } })],
    ["an address that is filled in later", () => at("{{ .address }}")],
  ])("nothing with %s", async (_, lines) => {
    expect((await lines()).filter((line) => line.includes("address of peer"))).toEqual([]);
  });

  test("ips beside it are what counts", async () => {
    expect(await firstLines(pair({}, undefined, { ips, address: "a.b", port: 2379 }))).toEqual([]);
  });
});
