import { expect, test } from "vitest";
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
