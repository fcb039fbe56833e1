import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { type CheckReport, checkFiles } from "./check.ts";

const folder = tempFolder("check");
let count = 0;
export function fileOf(...documents: readonly object[]): string {
  count += 1;
  const path = join(folder, `${count}.yaml`);
  writeFileSync(path, documents.map((d) => toYaml(d)).join("---\n"));
  return path;
}

export const valuesOf = (name: string, more: object = {}): object => ({
  cluster: { name, id: name === "a" ? 1 : 2 },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [name === "a" ? "10.1.0.0/16" : "10.2.0.0/16"] } },
  clustermesh: { useAPIServer: true },
  ...more,
});
export const policyOf = (name: string, spec: object): object => ({
  apiVersion: "cilium.io/v2",
  kind: "CiliumNetworkPolicy",
  metadata: { name, namespace: "shop" },
  spec,
});
export const podOf = (name: string, labels: Record<string, string>): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", labels },
  spec: { nodeName: "one", containers: [{ name: "c", image: "x" }] },
  status: { phase: "Running", podIP: "10.2.0.9" },
});

/** Two clusters of one mesh: values, and objects of the first. */
export async function check(
  versions: { from?: string; to: string },
  { values = {}, objects = [], others = [] }: { values?: object; objects?: object[]; others?: object[] } = {},
): Promise<CheckReport> {
  const files = [fileOf(valuesOf("a", values)), fileOf(valuesOf("b"))];
  if (objects.length > 0) files.push(`a=${fileOf(...objects)}`);
  if (others.length > 0) files.push(`b=${fileOf(...others)}`);
  return checkFiles(files, { from: versions.from, to: versions.to });
}

export const of = ({ findings }: CheckReport, id: string): CertificateFinding[] =>
  findings.filter((f) => f.id === id);
