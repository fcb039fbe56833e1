import { expect, test } from "vitest";
import { firstLines } from "./plan-examples.ts";

const may = "2026-05-04T09:00:00Z";
const files = (name: string, id: number, spec: object, { isOn = true, since = may } = {}) => ({
  [`${name}.yaml`]: [
    {
      cluster: { name, id },
      image: { tag: "v1.20.2" },
      ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
      clustermesh: { useAPIServer: true, mcsapi: { enabled: isOn } },
    },
    {
      apiVersion: "multicluster.x-k8s.io/v1alpha1",
      kind: "ServiceExport",
      metadata: { name: "web", namespace: "shop", creationTimestamp: since },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "shop" },
      spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80 }], ...spec },
    },
  ],
});
const linesOf = async (spec: object, of: { isOn?: boolean; since?: string } = {}): Promise<string[]> =>
  (await firstLines({ ...files("alpha", 1, {}), ...files("beta", 2, spec, of) })).filter((line) =>
    line.includes("ServiceExport shop/web"),
  );

test("exports of two types, with the one that decides", async () => {
  expect(await linesOf({ clusterIP: "None" }, { since: "2026-08-11T09:00:00Z" })).toEqual([
    expect.stringMatching(
      /^alpha, beta: ServiceExport shop\/web: TypeConflict: alpha with a ClusterIP, beta headless: .*\(that of alpha, 2026-05-04T09:00:00Z\) \[yes\]$/,
    ),
  ]);
});

test("what disagrees and leaves the type may be meant", async () => {
  expect(await linesOf({ sessionAffinity: "ClientIP" })).toEqual([
    expect.stringMatching(/SessionAffinityConflict: alpha None, beta ClientIP: .* \[perhaps\]$/),
  ]);
});

test("nothing of equal exports, of clusters without MCS-API, and of what nobody exports", async () => {
  expect(await linesOf({})).toEqual([]);
  expect(await linesOf({ clusterIP: "None" }, { isOn: false })).toEqual([]);
  expect(await linesOf({ type: "ExternalName", externalName: "x.example.net" })).toEqual([]);
});
