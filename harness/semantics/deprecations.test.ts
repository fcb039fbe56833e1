import { expect, test } from "vitest";
import { deprecationFindings } from "./deprecations.ts";

test.each([
  ["mutual authentication", { authentication: { mutual: { spire: { enabled: true } } } }],
  ["dnsProxy.preCache", { dnsProxy: { preCache: "/x" } }],
  ["preferIpv6", { hubble: { preferIpv6: true } }],
  [
    "extraDnsNames",
    { clustermesh: { apiserver: { tls: { server: { extraDnsNames: ["east.example.com"] } } } } },
  ],
])("%s is deprecated where it is used", (word, values) => {
  expect(deprecationFindings("1.20.2", { values })).toMatchObject([
    { id: "deprecated", grade: "information", message: expect.stringContaining(word) },
  ]);
  expect(deprecationFindings("1.19.7", { values })).toEqual([]);
});

test("what is off, empty or the chart's own is not, and cilium-config counts", () => {
  const values = {
    authentication: { mutual: { spire: { enabled: false } } },
    dnsProxy: { preCache: "" },
    clustermesh: { apiserver: { tls: { server: { extraDnsNames: [] } } } },
  };
  expect(deprecationFindings("1.20.2", { values })).toEqual([]);
  expect(deprecationFindings("1.20.2", {})).toEqual([]);
  expect(deprecationFindings("1.20.2", { config: { "mesh-auth-mutual-enabled": "true" } })).toHaveLength(1);
});
