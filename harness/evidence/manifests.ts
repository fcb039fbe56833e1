import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { z } from "zod";
import { unreadable } from "#harness/config/user-file.ts";
import { readYamlObjects } from "#harness/config/yaml-objects.ts";
import type { ClusterEvidence } from "./evidence.ts";
import { podTemplatesOf, unrenderedKinds } from "./pod-templates.ts";

const isYaml = (path: string): boolean => [".yaml", ".yml"].includes(extname(path).toLowerCase());
const what = "a manifest";
/** Folders of a repository that hold no manifests, and may be huge. */
const skipped = new Set([".git", "node_modules"]);

/** The kinds that a question about policies needs, and the files that evidence keeps them in. */
const fileOf: Readonly<Record<string, string>> = {
  NetworkPolicy: "networkpolicies.json",
  CiliumNetworkPolicy: "ciliumnetworkpolicies.json",
  CiliumClusterwideNetworkPolicy: "ciliumclusterwidenetworkpolicies.json",
  ClusterNetworkPolicy: "clusternetworkpolicies.json",
  Namespace: "namespaces.json",
  Service: "services.json",
  Pod: "pods.json",
};
export const policyKinds = ["NetworkPolicy", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"];

const objectSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});
type Manifest = z.infer<typeof objectSchema>;
const configSchema = z.looseObject({ data: z.record(z.string(), z.string()) });

/** One cluster's manifests: its name, and its objects in the form of evidence. */
export interface Manifests {
  readonly cluster: string;
  readonly evidence: ClusterEvidence;
  /** The path that was given, without a name. */
  readonly path: string;
  /** Of the manifests of a mesh, some must; a cluster's own files need not. */
  readonly hasPolicies: boolean;
}

/**
 * Reads `[NAME=]PATH` if PATH is a YAML file, or a folder that holds any at any depth; undefined if it is neither, or
 * is a folder of evidence. Files without an object, such as Helm values, are passed over. Throws `config-invalid` for a
 * file that is not YAML.
 */
export async function readManifests(given: string): Promise<Manifests | undefined> {
  const [, named, path = given] = /^([a-z0-9-]+)=(.+)$/.exec(given) ?? [];
  const files = await yamlFilesOf(path);
  if (files === undefined) return undefined;
  const objects = files.flatMap(objectsOf);
  const config = objects.find((o) => o.kind === "ConfigMap" && o.metadata.name === "cilium-config");
  const data = configSchema.safeParse(config).data?.data;
  const evidence = new Map<string, string>();
  for (const [kind, file] of Object.entries(fileOf)) {
    const found = objects.filter((o) => o.kind === kind);
    // Pods and namespaces that are not among the files exist all the same.
    if (found.length > 0 || policyKinds.includes(kind)) evidence.set(file, JSON.stringify(found));
  }
  const templates = podTemplatesOf(objects);
  if (templates.length > 0) evidence.set("pod-templates.json", JSON.stringify(templates));
  const unrendered = objects
    .filter((o) => unrenderedKinds.has(o.kind))
    .map((o) => `${o.kind} ${o.metadata.name}`);
  if (unrendered.length > 0) evidence.set("unrendered.json", JSON.stringify(unrendered));
  if (data !== undefined) evidence.set("cilium-config.json", JSON.stringify(data));
  return {
    cluster: named ?? data?.["cluster-name"] ?? basename(path, extname(path)),
    evidence,
    path,
    hasPolicies: objects.some((o) => policyKinds.includes(o.kind)),
  };
}

async function yamlFilesOf(path: string): Promise<string[] | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, what, error);
  });
  if (!found.isDirectory()) return isYaml(path) ? [path] : undefined;
  const files = await walk(path);
  return files.length > 0 && !files.some((f) => basename(f) === "pods.json")
    ? files.filter(isYaml)
    : undefined;
}

async function walk(dir: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory() && !skipped.has(entry.name)) files.push(...(await walk(join(dir, entry.name))));
    else if (entry.isFile() && (isYaml(entry.name) || entry.name === "pods.json"))
      files.push(join(dir, entry.name));
  }
  return files.sort();
}

const objectsOf = (path: string): Manifest[] =>
  readYamlObjects(path, what).flatMap(({ value }) => flattened(value));

/** `kubectl get -o yaml` puts objects into a list. */
function flattened(value: unknown): Manifest[] {
  const items = z.looseObject({ items: z.array(z.unknown()) }).safeParse(value).data?.items;
  if (items !== undefined) return items.flatMap(flattened);
  const object = objectSchema.safeParse(value).data;
  return object === undefined ? [] : [object];
}
