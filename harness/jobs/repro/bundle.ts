import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { parseAllDocuments } from "yaml";
import { requireKindPlan } from "#harness/config/plan.ts";
import { readZip } from "#harness/evidence/sysdump/archive.ts";
import { standInImage } from "#harness/lab/manifests.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";
import { type BundleManifest, bundleManifestFormat } from "#harness/model/bundle-manifest.ts";
import { holdsPrivateKey } from "#harness/platform/secrets/private-keys.ts";
import { readFaultJournal } from "#harness/state/fault-journal.ts";
import { requireLab } from "#harness/state/lab.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { labFiles, writeLabFiles } from "./lab-files.ts";

const manifestFile = "meshproof-bundle.json";

/** Packs a running lab: its files, active faults, and a run's report if requested. */
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
          remedy: "name a folder of reports/ that contains a report.json, or latest",
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

/** Bundles contain no private keys, neither PEM nor base64: the rebuilt lab generates its own. */
export function refuseKeys(name: string, text: string): void {
  if (holdsPrivateKey(text))
    throw new MeshproofError("usage", `${name} would contain a private key: nothing was written`, {
      remedy: "remove it from the lab file's values or manifests, and rebuild the lab",
    });
}

/**
 * Refuses content with access outside the lab: host paths in a kind Config, files outside the bundle, a checkout to
 * build, images that are not stand-ins.
 */
export function refuseReach(name: string, text: string): void {
  const reach = (what: string): never => {
    throw new MeshproofError("archive-corrupt", `${name} ${what}: not allowed in a bundle`, {
      remedy: "unpack it yourself, read it, and build it with `up --lab-file`",
    });
  };
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (unbundled.has(key)) reach(`sets ${key}`);
      if (key === "kind" && !bundledKinds.has(String(inner)))
        reach(`contains a ${String(inner).slice(0, 80)}`);
      if (key === "image" && inner !== standInImage) reach(`names image ${String(inner).slice(0, 80)}`);
      if (["kindConfig", "manifests", "cilium"].includes(key) && !/^[\w.-]+$/.test(String(inner)))
        reach(`names ${key} ${String(inner).slice(0, 80)}`);
      walk(inner);
    }
  };
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error !== undefined) reach(`is not YAML (${syntaxProblem(error)})`);
    walk(document.toJS({ maxAliasCount: 0 }));
  }
}

/** Kinds that a lab consists of; none (a ServiceAccount neither, without a binding) grants rights in a cluster or access to its nodes. */
const bundledKinds: ReadonlySet<string> = new Set([
  ...["Cluster", "Namespace", "Deployment", "StatefulSet", "DaemonSet", "Pod", "ConfigMap", "List"],
  ...["Service", "ServiceAccount", "EndpointSlice", "Endpoints", "ServiceExport", "NetworkPolicy"],
  ...["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "CiliumCIDRGroup"],
]);

/** Keys of a kind Config for host mounts, host ports and root access; keys of pods and the chart for node access. */
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

/** Unpacks a bundle into a folder; undefined if the zip is not a bundle. */
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
