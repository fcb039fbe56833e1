import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { parseAllDocuments } from "yaml";
import { requireKindPlan } from "#harness/config/plan.ts";
import { readZip } from "#harness/evidence/sysdump/archive.ts";
import { standInImage } from "#harness/lab/manifests.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type BundleManifest, bundleManifestFormat } from "#harness/model/bundle-manifest.ts";
import { holdsPrivateKey } from "#harness/platform/secrets/private-keys.ts";
import { readFaultJournal } from "#harness/state/fault-journal.ts";
import { requireLab } from "#harness/state/lab.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { labFiles, writeLabFiles } from "./lab-files.ts";

const manifestFile = "meshproof-bundle.json";

/** Packs a lab that is up: its files, the faults in force, and a run's report where one is named. */
export async function bundle(lab: string, file: string, run: string | undefined): Promise<string[]> {
  const { plan, artifacts } = await requireLab(lab);
  const faults = (await readFaultJournal(lab)).map((e) => e.fault);
  const files: Record<string, string> = {
    [manifestFile]: JSON.stringify(
      { meshproofBundle: 1, imageSource: artifacts.source, faults } satisfies BundleManifest,
      null,
      2,
    ),
    ...labFiles(requireKindPlan(plan, "a bundle")),
  };
  if (run !== undefined)
    files["report.json"] = await readFile(join(reportsDir(), run, "report.json"), "utf8").catch(
      (error: unknown) => {
        throw new MeshproofError("usage", `there is no finished run ${run} in ${reportsDir()}`, {
          cause: error,
          remedy: "name a folder of reports/ that holds a report.json, or latest",
        });
      },
    );
  for (const [name, text] of Object.entries(files)) refuseKeys(name, text);
  const zipped = zipSync(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])),
  );
  await writeFile(file, zipped);
  return Object.keys(files).sort();
}

/** A private key, as PEM or as base64 of it, is in no bundle: the lab makes its own. */
export function refuseKeys(name: string, text: string): void {
  if (holdsPrivateKey(text))
    throw new MeshproofError("usage", `${name} would hold a private key: nothing was written`, {
      remedy: "take it out of the lab file's values or manifests, and bring the lab up anew",
    });
}

/**
 * What reaches past the lab is taken from nobody: paths of this machine in a kind Config, files that are not in the
 * bundle, a checkout to build, images that are not stand-ins.
 */
export function refuseReach(name: string, text: string): void {
  const reach = (what: string): never => {
    throw new MeshproofError("archive-corrupt", `${name} ${what}: bundles hold nothing of the kind`, {
      remedy: "unpack it yourself, read it, and build it with `up --lab-file`",
    });
  };
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (unbundled.has(key)) reach(`sets ${key}`);
      if (key === "kind" && !bundledKinds.has(String(inner))) reach(`holds a ${String(inner).slice(0, 80)}`);
      if (key === "image" && inner !== standInImage) reach(`names image ${String(inner).slice(0, 80)}`);
      if (["kindConfig", "manifests", "cilium"].includes(key) && !/^[\w.-]+$/.test(String(inner)))
        reach(`names ${key} ${String(inner).slice(0, 80)}`);
      walk(inner);
    }
  };
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error !== undefined) reach(`is no YAML (${error.message.slice(0, 80)})`);
    walk(document.toJS({ maxAliasCount: 0 }));
  }
}

/** What a lab is made of, and whatever stays in a cluster: no rights in it, and nothing of its nodes. */
const bundledKinds: ReadonlySet<string> = new Set([
  ...["Cluster", "Namespace", "Deployment", "StatefulSet", "DaemonSet", "Pod", "ConfigMap", "List"],
  ...["Service", "EndpointSlice", "Endpoints", "ServiceExport", "NetworkPolicy"],
  ...["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"],
]);

/** Of a kind Config, mounts and ports of the host and what runs with root's rights; of a pod and the chart, the node itself. */
const unbundled: ReadonlySet<string> = new Set([
  ...["apiServerAddress", "apiServerPort", "capabilities", "hostIPC", "nodeinit", "extraHostPathMounts"],
  ...["extraMounts", "extraPortMappings", "containerdConfigPatches", "containerdConfigPatchesJSON6902"],
  ...[
    "kubeadmConfigPatches",
    "kubeadmConfigPatchesJSON6902",
    "hostPath",
    "hostNetwork",
    "hostPID",
    "privileged",
  ],
]);

export interface Unpacked {
  readonly labFile: string;
  readonly faults: readonly string[];
}

/** Unpacks a bundle into a folder; nothing where the zip is none of ours. */
export async function unpackBundle(path: string, folder: string): Promise<Unpacked | undefined> {
  const found = await readZip(path, (name) => !name.includes("/"));
  const text = found.get(manifestFile);
  if (text === undefined) return undefined;
  const manifest = parseRecord(text, bundleManifestFormat, {
    what: `${manifestFile} in ${basename(path)}`,
    remedy: "pack it again with `bundle`",
    code: "archive-corrupt",
  });
  for (const [name, content] of found)
    if (name.endsWith(".yaml")) refuseReach(`${basename(path)}: ${name}`, content);
  return { labFile: await writeLabFiles(folder, Object.fromEntries(found)), faults: manifest.faults };
}
