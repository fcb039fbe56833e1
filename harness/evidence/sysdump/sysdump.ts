import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { UnreadFile } from "#harness/model/mesh-snapshot.ts";
import { type ClusterEvidence, notSupplied } from "../evidence.ts";
import { readArchive } from "./archive.ts";
import { clusterEvidence } from "./cluster.ts";
import { dumpsIn, isDump, isOfSysdump } from "./dumps.ts";
import { refusal, type Skipped, shown } from "./intake.ts";
import { configCommand, useOf, withoutTime } from "./layout.ts";
import { startOf } from "./start-time.ts";

/** Other archives of the mesh may have been begun earlier; a change before that is of no use. */
const changesMs = 3_600_000;

/** One cluster in an archive of Cilium's tools: the same files as live evidence. */
export interface Sysdump {
  readonly cluster: string;
  readonly evidence: ClusterEvidence;
}

/** The files of a sysdump that were read, and why others were not, for a reader that does not judge them. */
export function suppliedOf({ evidence }: Sysdump): {
  readonly files: ClusterEvidence;
  readonly missing: readonly { readonly what: string; readonly why: string }[];
} {
  const files = [...evidence].filter(([, text]) => !text.startsWith(notSupplied));
  const missing = [...evidence]
    .filter(([, text]) => text.startsWith(notSupplied))
    .map(([what, text]) => ({ what, why: text.slice(notSupplied.length).trim() }));
  return { files: new Map(files), missing: [...missing, ...unreadOf(evidence)] };
}

/** Whether a folder is an unpacked sysdump or bugtool archive, by the names of the files in it. */
export async function isUnpacked(folder: string): Promise<boolean> {
  const names = await readdir(folder);
  if (names.some((name) => name !== withoutTime(name) && isOfSysdump(withoutTime(name)))) return true;
  if (!names.includes("cmd")) return false;
  const commands = await readdir(join(folder, "cmd")).catch(() => []);
  return commands.some((name) => configCommand.includes(name));
}

/**
 * Every sysdump in an archive or a folder, which may also hold bugtool archives alone. A folder may hold none; a file
 * without one is refused.
 */
export async function readSysdumps(path: string): Promise<Sysdump[]> {
  const { files, skipped, inner } = await readArchive(path, useOf);
  const dumps = [...dumpsIn(path, files, skipped).values()].filter(isDump);
  if (dumps.length === 0) {
    if ((await stat(path)).isDirectory()) return [];
    throw inner.length === 0 ? notSysdump(path, skipped) : nested(path, inner);
  }
  const found = new Map<string, Map<string, string>>();
  for (const dump of dumps) {
    const { cluster, evidence, endpointChanges } = clusterEvidence(dump);
    if (cluster === undefined) throw notSysdump(path, [...dump.skipped.values(), ...unnamed(evidence)]);
    // It becomes a part of every message.
    if (!/^[\w.-]{1,63}$/.test(cluster))
      throw refusal(path, `cilium-configmap: ${JSON.stringify(shown(cluster))} is not a cluster name`);
    const atMs = startOf(dump.paths, evidence);
    if (atMs !== undefined) {
      evidence.set("collected.json", JSON.stringify({ atMs }));
      const recent = endpointChanges.filter((c) => c.atMs > atMs - changesMs);
      evidence.set("endpoint-changes.json", JSON.stringify(recent));
    }
    const twin = found.get(cluster);
    if (twin !== undefined && hasObjects(twin) && hasObjects(evidence))
      throw new MeshproofError(
        "usage",
        `${shown(basename(path))} holds two sysdumps of cluster ${shown(cluster)}`,
        {
          remedy: "give one of them, or each as a path of its own",
        },
      );
    found.set(cluster, twin === undefined ? evidence : mergedEvidence(twin, evidence));
  }
  return [...found].map(([cluster, evidence]) => ({ cluster, evidence }));
}

/** Whether it is of a sysdump, and not only of bugtool. */
export const hasObjects = (evidence: ClusterEvidence): boolean =>
  evidence.get("pods.json")?.startsWith("[") === true;

/** bugtool archives of several agents, or of one that the sysdump lacks. */
export function mergedEvidence(a: ClusterEvidence, b: ClusterEvidence): Map<string, string> {
  const [whole, part] = hasObjects(b) ? [b, a] : [a, b];
  const merged = new Map([...part, ...whole]);
  const unread = [whole, part].flatMap(unreadOf);
  if (unread.length > 0) merged.set("unread.json", JSON.stringify(unread));
  return merged;
}

const unreadOf = (evidence: ClusterEvidence): readonly UnreadFile[] =>
  JSON.parse(evidence.get("unread.json") ?? "[]") as UnreadFile[];

/** Why the files that name the cluster were not read. */
const unnamed = (evidence: ClusterEvidence): Skipped[] =>
  unreadOf(evidence)
    .filter(({ what }) => /^cilium-(configmap|helm)/.test(what))
    .map(({ what, why }) => ({ name: what, why }));

/** People send the archives of all clusters in one. */
const nested = (path: string, inner: readonly string[]): MeshproofError => {
  const names = inner.slice(0, 4).map(shown).join(", ");
  const more = inner.length > 4 ? ` and ${inner.length - 4} more` : "";
  return new MeshproofError(
    "archive-corrupt",
    `${shown(basename(path))}: holds ${inner.length === 1 ? "an archive" : `${inner.length} archives`}: unpack it (${names}${more})`,
    { remedy: "unpack it, and give each archive in it" },
  );
};

const notSysdump = (path: string, skipped: readonly Skipped[]): MeshproofError => {
  const reasons = skipped.slice(0, 3).map((s) => `${shown(s.name)}: ${s.why}`);
  return refusal(
    path,
    `is not a sysdump: it has no cilium-configmap${reasons.length === 0 ? "" : `; not read: ${reasons.join("; ")}`}`,
  );
};
