import { meshLines } from "#harness/cilium/agent/mesh-log.ts";
import { refusalLines } from "#harness/cilium/agent/refusal-log.ts";
import { readKvstoreList } from "#harness/cilium/kvstore/shared-state.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import { visible } from "#harness/lib/visible.ts";
import { notCollected, notSupplied, replicaFile } from "../evidence.ts";
import { cutOffText, cutOffTroubleshoot } from "./cut-off.ts";
import { shown } from "./intake.ts";
import { apiserverLog } from "./layout.ts";
import { kvstoreMeshText } from "./tables.ts";

/** What the replicas of clustermesh-apiserver are read from. */
interface ReplicaSource {
  /** Of the archive, with the lines of the logs about peers. */
  readonly files: ReadonlyMap<string, string>;
  readonly pods: readonly KubeObject[];
  /** Of Cilium; unknown where its images have no version. */
  readonly cilium: string | undefined;
  /** Why a file was skipped while the archive was read. */
  readonly skipped: (name: string) => string | undefined;
}

/** One replica, with the containers that it has by the list of pods; undefined if it is not in there. */
interface Replica {
  readonly pod: string;
  readonly containers: readonly string[] | undefined;
}

/**
 * The evidence of each replica of clustermesh-apiserver: every one has an etcd, a KVStoreMesh and logs of its own. With one
 * replica, the files have the names that they have without replicas.
 */
export function replicaEvidence(source: ReplicaSource): Map<string, string> {
  const replicas = replicasIn(source);
  const evidence = new Map<string, string>();
  for (const replica of replicas)
    for (const [file, text] of filesOf(source, replica, replicas))
      evidence.set(replicas.length === 1 ? file : replicaFile(replica.pod, file), text);
  return evidence;
}

const suffixes: Readonly<Record<string, RegExp>> = {
  statusJson: /^(clustermesh-apiserver-[a-z0-9.-]+)-kvstoremesh-status\.json$/,
  statusText: /^(clustermesh-apiserver-[a-z0-9.-]+)-kvstoremesh-status\.txt$/,
  troubleshoot: /^(clustermesh-apiserver-[a-z0-9.-]+)-kvstoremesh-troubleshoot\.txt$/,
  // Both containers print the one etcd of their pod.
  kvstore: /^(clustermesh-apiserver-[a-z0-9.-]+)-(?:apiserver|kvstoremesh)-kvstore-list\.txt$/,
  log: /^logs-(clustermesh-apiserver-[a-z0-9.-]+)-kvstoremesh\.log$/,
};

function replicasIn({ files, pods }: ReplicaSource): Replica[] {
  const running = pods.filter(
    ({ metadata, status }) =>
      metadata.name.startsWith("clustermesh-apiserver-") &&
      status?.phase === "Running" &&
      metadata.deletionTimestamp === undefined,
  );
  const containersOf = new Map(
    running.map(({ metadata, spec }) => [
      metadata.name,
      ((spec?.containers ?? []) as { readonly name?: string }[]).map((c) => c.name ?? ""),
    ]),
  );
  const printed = [...files.keys()].flatMap((name) =>
    Object.values(suffixes).flatMap((suffix) => suffix.exec(name)?.[1] ?? []),
  );
  const ran = [...containersOf].filter(([, names]) => names.some((n) => /^(apiserver|kvstoremesh)$/.test(n)));
  return [...new Set([...printed, ...ran.map(([pod]) => pod)])]
    .sort()
    .map((pod) => ({ pod, containers: containersOf.get(pod) }));
}

/** The files of one replica by the names of evidence; one that should be there and is not holds the reason. */
function filesOf(
  source: ReplicaSource,
  replica: Replica,
  replicas: readonly Replica[],
): (readonly [string, string])[] {
  const { pod, containers = [] } = replica;
  const status = statusOf(source, replica);
  const troubleshoot = read(source, [`${pod}-kvstoremesh-troubleshoot.txt`], (t) =>
    whole(t, cutOffTroubleshoot),
  );
  const log = `logs-${pod}-kvstoremesh.log`;
  const text = source.files.get(log);
  const refused = source.files.get(apiserverLog(pod));
  return [
    ["kvstoremesh-status.json", status],
    [
      "kvstoremesh-troubleshoot.txt",
      // The same version of the Cilium CLI began to collect both (cilium/cilium-cli#2531).
      troubleshoot ??
        (status !== undefined && !status.startsWith(notSupplied) ? missing("troubleshoot", pod) : undefined),
    ],
    ["kvstore.json", kvstoreOf(source, replica, replicas)],
    ["apiserver-log.txt", refused === undefined ? undefined : refusalLines(refused)],
    [
      "kvstoremesh-log.txt",
      text === undefined
        ? containers.includes("kvstoremesh")
          ? `${notCollected}${source.skipped(log) ?? `the archive has no ${shown(log)}`}`
          : undefined
        : meshLines(text),
    ],
  ].flatMap(([name = "", value]) => (value === undefined ? [] : [[name, value] as const]));
}

const missing = (what: string, pod: string): string =>
  `${notCollected}the archive has no output of ${what} of ${shown(pod)}`;

/** The first of some files that is there, converted; the reason if it is empty, cut off or damaged; else undefined. */
function read(
  { files, skipped }: ReplicaSource,
  names: readonly string[],
  convert: (text: string) => string,
): string | undefined {
  const reasons: string[] = [];
  for (const name of names) {
    const text = files.get(name);
    const why =
      text === undefined ? skipped(name) : text.trim() === "" ? "it is empty: its command failed" : "";
    if (text !== undefined && why === "")
      try {
        return convert(text);
      } catch (error) {
        reasons.push(`${shown(name)}: ${visible(messageOf(error)).slice(0, 200)}`);
      }
    else if (why !== undefined) reasons.push(`${shown(name)}: ${why}`);
  }
  return reasons.length === 0 ? undefined : `${notCollected}${reasons[0]}`;
}

function whole(text: string, cutOff: (text: string) => string | undefined = cutOffText): string {
  const why = cutOff(text);
  if (why !== undefined) throw new Error(why);
  return text;
}

function json(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new Error(`it is no JSON, or cut off: ${syntaxProblem(error)}`);
  }
}

/** The text is for versions without JSON output. */
function statusOf(source: ReplicaSource, { pod, containers = [] }: Replica): string | undefined {
  const inJson = read(source, [`${pod}-kvstoremesh-status.json`], json);
  const text = read(source, [`${pod}-kvstoremesh-status.txt`], (t) => kvstoreMeshText(whole(t)));
  const found = [inJson, text].filter((t) => t !== undefined);
  const [first = found[0]] = found.filter((t) => !t.startsWith(notCollected));
  if (first !== undefined || !containers.includes("kvstoremesh")) return first;
  return `${notSupplied}the archive has no status of KVStoreMesh in ${shown(pod)}; it needs Cilium 1.16 and Cilium CLI 0.16, or later`;
}

/**
 * Not every version of the Cilium CLI collects it. It was expected if another replica's is there, and where both versions
 * are known to.
 */
function kvstoreOf(
  source: ReplicaSource,
  { pod, containers }: Replica,
  replicas: readonly Replica[],
): string | undefined {
  const names = (of: string): string[] =>
    ["apiserver", "kvstoremesh"].map((container) => `${of}-${container}-kvstore-list.txt`);
  const found = read(source, names(pod), (text) => {
    if (!text.includes("# cilium/")) throw new Error("it holds no keys of Cilium");
    return JSON.stringify(readKvstoreList(text));
  });
  if (found !== undefined || containers?.includes("apiserver") === false) return found;
  const ofOthers = replicas.some((r) => names(r.pod).some((name) => source.files.has(name)));
  if (ofOthers || collectsKvstores(source)) return missing("kvstore list", pod);
  return `${notSupplied}the archive has no kvstore list of ${shown(pod)}`;
}

/**
 * The first versions in whose archives it was seen: Cilium CLI 0.19.7 with Cilium 1.19.1. A CLI that was built from Cilium's
 * own repository has another version (`1.18.0-pre.3`), which says less.
 */
function collectsKvstores({ files, cilium }: ReplicaSource): boolean {
  const log = files.get("cilium-sysdump.log")?.slice(0, 4096) ?? "";
  const cli = /cilium-cli version: v?(0\.\d+\.\d+)/.exec(log)?.[1];
  return cli !== undefined && cilium !== undefined && isAtLeast(cli, "0.19.7") && isAtLeast(cilium, "1.19.1");
}
