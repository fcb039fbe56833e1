import type { PeerWord } from "#harness/model/mesh-snapshot.ts";
import { isRefusalLine } from "./refusal-log.ts";
import { isTroubleLine } from "./trouble-log.ts";

/**
 * Messages of agents and KVStoreMesh about a peer, and whether the connection is good
 * (pkg/clustermesh/common/remote_cluster.go).
 */
const sentences: Readonly<Record<string, boolean>> = {
  "Connection to remote cluster established": true,
  "Found remote cluster configuration": true,
  "Unable to establish etcd connection to remote cluster": false,
  "Unable to get remote cluster configuration": false,
  "Connection to remote cluster failed": false,
  "Error observed on etcd connection, reconnecting etcd": false,
};

interface Words {
  readonly sentence: string;
  readonly peer: string;
  readonly error: string;
}

/** Without a regular expression, which would take quadratic time for hostile lines. */
function wordsOf(line: string): Words | undefined {
  if (line.length > longestLine) return undefined;
  const text = asText(line.trimEnd());
  const begin = text.indexOf('msg="') + 'msg="'.length;
  const end = text.indexOf('"', begin);
  const at = text.lastIndexOf(clusterKey);
  if (begin < 'msg="'.length || end < 0 || at < end) return undefined;
  const peer = /^\S+/.exec(text.slice(at + clusterKey.length))?.[0];
  const error = /\berror="?([^"]*)"?/.exec(text)?.[1] ?? "";
  return peer === undefined ? undefined : { sentence: text.slice(begin, end), peer, error };
}

const clusterKey = " clusterName=";

/** A longer line is not Cilium's, and would take long to match. */
const longestLine = 8192;

/** How much of a log is searched. */
export const meshLogBytes = 1024 ** 2;

/**
 * A line as Cilium writes it with `log-opt: '{"format":"json"}'`, in the text format. Container runtimes put their time
 * before it.
 */
function asText(line: string): string {
  const begin = line.indexOf("{");
  if (begin < 0 || !line.endsWith("}") || !line.includes('"clusterName"')) return line;
  try {
    const { msg, clusterName, error } = JSON.parse(line.slice(begin)) as Record<string, unknown>;
    if (typeof msg !== "string" || typeof clusterName !== "string") return line;
    const quoted = (text: string): string => `"${text.replaceAll('"', "'")}"`;
    const reason = error === undefined ? "" : ` error=${quoted(String(error))}`;
    return `msg=${quoted(msg)} clusterName=${clusterName}${reason}`;
  } catch {
    // Text with braces in it.
    return line;
  }
}

/** Whether a log line is about a peer. */
export const isMeshLine = (line: string): boolean => wordsOf(line) !== undefined;

/** The lines of a log about peers, about requests that the API server refused, and about what is amiss on the node. */
export function meshLines(log: string): string {
  return log
    .split("\n")
    .filter((line) => isMeshLine(line) || isRefusalLine(line) || isTroubleLine(line))
    .join("\n");
}

/** The last message about each peer. */
export function readMeshLog(log: string): PeerWord[] {
  const last = new Map<string, PeerWord>();
  for (const line of log.split("\n")) {
    const { sentence = "", peer = "", error = "" } = wordsOf(line) ?? {};
    const good = Object.hasOwn(sentences, sentence) ? sentences[sentence] : undefined;
    if (good === undefined) continue;
    last.set(peer, { peer, good, text: error === "" ? sentence : `${sentence}: ${error}` });
  }
  return [...last.values()];
}
