import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { readSource } from "../read-source.ts";

/** By path: a text, an object or several. */
export type Files = Readonly<Record<string, string | object | readonly object[]>>;

export function folderOf(files: Files): string {
  const dir = tempFolder("gitops");
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    const documents = Array.isArray(content) ? content : [content];
    const text = typeof content === "string" ? content : documents.map((d) => toYaml(d)).join("---\n");
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

export const valuesOf = (name: string, id: number, more: object = {}): object => ({
  cluster: { name, id },
  ...more,
});
export const object = (apiVersion: string, kind: string, spec: object, name = "cilium"): object => ({
  apiVersion,
  kind,
  metadata: { name, namespace: "kube-system" },
  ...spec,
});
export const releaseOf = (values: object, more: object = {}): object =>
  object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
    spec: { chart: { spec: { chart: "cilium", version: "1.18.6" } }, values, ...more },
  });
export const mapOf = (name: string, data: object): object => object("v1", "ConfigMap", { data }, name);
export const service = (name: string): object =>
  object("v1", "Service", { spec: { selector: { app: name }, ports: [{ port: 80 }] } }, name);
export const pathsOf = (c: SourceCluster | undefined): string[] =>
  (c?.notes ?? []).map((n) => `${n.field}: ${n.inSource}`);

/** Reads a folder in which beta.yaml is a second cluster. */
export async function first(files: Files): Promise<SourceCluster | undefined> {
  const clusters = await readSource([folderOf({ "beta.yaml": valuesOf("beta", 2), ...files })]);
  return clusters.find((c) => c.name === "alpha");
}
