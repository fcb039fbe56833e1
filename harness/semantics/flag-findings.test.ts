import { describe, expect, test } from "vitest";
import { flagFindings } from "./flag-findings.ts";

const up = { from: "1.18.11", to: "1.20.2" };
const down = { from: "1.20.2", to: "1.18.11" };
const extra = (settings: object) => ({ values: { extraConfig: settings } });

describe("on the way up", () => {
  test("flags that a release removed are named with what takes their place", () => {
    const given = { "node-port-mode": "dsr" };
    const expected = [
      {
        id: "setting-removed",
        grade: "caution",
        message: expect.stringContaining("has no effect from Cilium 1.20 on"),
        remedy: "write bpf-lb-mode in its place",
      },
    ];
    expect(flagFindings(up, extra(given))).toMatchObject(expected);
    expect(flagFindings(up, { config: given })).toMatchObject(expected);
    expect(flagFindings({ from: "1.18.11", to: "1.19.7" }, extra(given))).toEqual([]);
  });

  test("an argument that the new program does not have stops it; in extraConfig it is ignored", () => {
    const values = {
      extraArgs: ["--enable-node-port", "--k8s-api-server=https://x", "--debug"],
      operator: { extraArgs: ["--ces-slice-mode=x"] },
      extraConfig: { "enable-svc-source-range-check": "true" },
    };
    const found = flagFindings(up, { values });
    expect(found.filter((f) => f.grade === "serious").map((f) => f.message)).toEqual([
      expect.stringMatching(/^agents of Cilium 1.19 .*"--enable-node-port"/),
      expect.stringMatching(/^agents of Cilium 1.20 .*"--k8s-api-server=https/),
      expect.stringMatching(/^operators of Cilium 1.20 .*"--ces-slice-mode=x" of value operator.extraArgs/),
    ]);
    expect(found.filter((f) => f.grade === "caution")).toMatchObject([
      { message: expect.stringContaining("value extraConfig"), remedy: "leave it out: it is always on" },
    ]);
  });

  test("what the chart of 1.18 itself writes goes with it", () => {
    expect(flagFindings(up, { config: { "enable-node-port": "false" } })).toEqual([]);
  });

  test("what the version that runs does not have either is said of extraConfig only", () => {
    const move = { from: "1.20.0", to: "1.20.2" };
    const given = { "node-port-mode": "dsr" };
    expect(flagFindings(move, extra(given))).toMatchObject([
      { message: expect.stringContaining("the version that runs does not have it either") },
    ]);
    expect(flagFindings(move, { config: given })).toEqual([]);
  });
});

describe("on the way down", () => {
  test("a flag that an older release does not have yet is named, in extraConfig and in cilium-config", () => {
    const given = { "policy-external-group-sync-interval": "5m" };
    const expected = [
      {
        id: "setting-removed",
        grade: "caution",
        message: expect.stringMatching(/^setting policy-external-group.*"5m".* before Cilium 1.20$/),
        remedy: "leave it out of what is given to 1.18.11",
      },
    ];
    expect(flagFindings(down, extra(given))).toMatchObject(expected);
    expect(flagFindings(down, { config: given })).toMatchObject(expected);
    expect(flagFindings({ from: "1.20.2", to: "1.20.0" }, extra(given))).toEqual([]);
  });

  test("the older name is what to write", () => {
    const found = flagFindings(down, extra({ "enable-encryption-strict-mode-egress": "true" }));
    expect(found).toMatchObject([{ remedy: "write enable-encryption-strict-mode in its place" }]);
  });

  test("an argument that only later programs have stops the older ones, each by its own flags", () => {
    const values = {
      extraArgs: ["--enable-lb-ipam=false", "--vtep-sync-interval=1m"],
      operator: { extraArgs: ["--enable-lb-ipam=false"] },
      clustermesh: { apiserver: { kvstoremesh: { extraArgs: ["--clustermesh-cache-ttl=1m"] } } },
    };
    expect(flagFindings(down, { values })).toMatchObject([
      { grade: "serious", message: expect.stringMatching(/^agents before Cilium 1.19 .*enable-lb-ipam/) },
      { grade: "serious", message: expect.stringMatching(/^agents before Cilium 1.19 .*vtep-sync/) },
      { grade: "serious", message: expect.stringMatching(/^containers of KVStoreMesh before .*cache-ttl/) },
    ]);
  });

  test("a release that was not read lacks what a later one than the oldest brought", () => {
    const given = extra({ "clustermesh-cache-ttl": "1m", "cluster-id": "1", "no-such-flag": "1" });
    expect(flagFindings({ from: "1.19.7", to: "1.17.4" }, given)).toMatchObject([
      { message: expect.stringContaining("before Cilium 1.19") },
    ]);
  });
});

test("a flag of no release is a caution, with the one that was probably meant", () => {
  expect(flagFindings(up, extra({ "enable-polcy": "x", "clean-cilium-state": "true" }))).toMatchObject([
    { id: "setting-unknown", grade: "caution", remedy: expect.stringContaining("write it as enable-policy") },
  ]);
  expect(flagFindings(up, { values: { extraArgs: ["--nonsense", "text"] } })).toMatchObject([
    { id: "setting-unknown", message: expect.stringContaining('"--nonsense" of value extraArgs') },
  ]);
  expect(flagFindings({ from: "1.20.2", to: "1.21.0" }, extra({ "brand-new": "1" }))).toEqual([]);
});

test.each([
  { extraConfig: null },
  { extraConfig: [] },
  { extraArgs: "--x" },
  { extraConfig: { debug: null } },
])("values of another shape are none: %j", (values) => {
  expect(flagFindings(up, { values })).toEqual([]);
});
