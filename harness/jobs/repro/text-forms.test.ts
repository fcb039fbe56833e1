import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { readSource } from "./read-source.ts";

/** Reads a file beside the values of a second cluster. */
async function first(content: string | object, name = "alpha.yaml"): Promise<SourceCluster | undefined> {
  const dir = tempFolder("forms");
  writeFileSync(join(dir, name), typeof content === "string" ? content : toYaml(content));
  writeFileSync(join(dir, "beta.yaml"), toYaml({ cluster: { name: "beta", id: 2 } }));
  const [alpha] = await readSource([join(dir, name), join(dir, "beta.yaml")]);
  return alpha;
}

describe("what tools print of a cluster", () => {
  test.each([
    ["cilium-config", { name: "cilium-config" }],
    ["a name with a suffix", { name: "cilium-config-7dk2" }],
  ])("a ConfigMap of the agents alone: %s", async (_, metadata) => {
    const data = {
      "cluster-name": "alpha",
      "cluster-id": "7",
      ipam: "cluster-pool",
      "routing-mode": "tunnel",
    };
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
    expect(await first(map)).toMatchObject({ name: "alpha", id: 7, config: data });
    expect(await first({ apiVersion: "v1", kind: "List", items: [map] })).toMatchObject({ id: 7 });
    const other = { ...map, data: { ipam: "x", values: "ipam:\n  mode: x\n" }, metadata: { name: "other" } };
    await expect(first(other)).rejects.toThrow("holds values of Cilium's chart at data");
  });

  const agents = { "cluster-name": "alpha", "cluster-id": "3", ipam: "kubernetes" };
  const rendered = [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "cilium-config" }, data: agents },
    { apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec: { ports: [{ port: 80 }] } },
  ]
    .map((d) => toYaml(d))
    .join("---\n");

  test("what `helm get all` prints: given values and the manifest, without the chart's defaults", async () => {
    const all = `NAME: cilium\nCHART: cilium-1.18.2\nVERSION: 1.18.2\nUSER-SUPPLIED VALUES:\n${toYaml({ MTU: 1400 })}\nCOMPUTED VALUES:\nMTU: 1400\nhubble: {}\n\nHOOKS:\nMANIFEST:\n---\n${rendered}\nNOTES:\nYou have: installed: Cilium\n`;
    for (const name of ["alpha.txt", "alpha.yaml"])
      expect(await first(all, name)).toMatchObject({
        ...{ id: 3, cilium: "1.18.2", values: { MTU: 1400 }, config: agents, notes: [] },
        services: [{ metadata: { name: "s" } }],
      });
  });

  test("a machine configuration of Talos: its manifests and its networks", async () => {
    const cluster = {
      ...{ clusterName: "x", id: "c2VjcmV0" },
      network: { podSubnets: ["10.81.0.0/16"], serviceSubnets: ["10.91.0.0/16"] },
      inlineManifests: [{ name: "cilium", contents: rendered }],
    };
    const machine = `${toYaml({ version: "v1alpha1", machine: {}, cluster })}---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n`;
    expect(await first(machine)).toMatchObject({
      ...{ name: "alpha", id: 3, serviceCidrs: ["10.91.0.0/16"] },
      podNetwork: { cidrs: ["10.81.0.0/16"] },
      services: [{ metadata: { name: "s" } }],
    });
  });

  test.each([
    ["words", ["cilium", "install", "--version=1.16.5", "--set=cluster.name=alpha", "--set", "cluster.id=2"]],
    ["a shell", ["/bin/sh", "-ec", "cilium install --version 1.16.5 --set cluster.name=alpha,cluster.id=2"]],
  ])("a patch of Talos whose Job installs Cilium, by %s", async (_, command) => {
    const job = {
      ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name: "install" } },
      spec: { template: { spec: { containers: [{ name: "cli", command }] } } },
    };
    const patch = { cluster: { inlineManifests: [{ name: "install", contents: toYaml(job) }] } };
    expect(await first(toYaml(patch))).toMatchObject({ name: "alpha", id: 2, cilium: "1.16.5" });
  });
});
