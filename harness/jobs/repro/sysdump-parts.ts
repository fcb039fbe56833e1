import { basename } from "node:path";
import { readSysdumps, type Sysdump, suppliedOf } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord, type RecordFormat } from "#harness/lib/records.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import {
  fieldConfigFormat,
  fieldValuesFormat,
  type Note,
  type SourceObject,
  sourceObjectsFormat,
} from "#harness/model/source-environment.ts";
import type { Part } from "./part.ts";

/** The lists of a sysdump that a lab is made of, and what their items are. */
const lists: readonly (readonly [file: string, kind: string, apiVersion: string])[] = [
  ["nodes", "Node", "v1"],
  ["namespaces", "Namespace", "v1"],
  ["services", "Service", "v1"],
  ["pods", "Pod", "v1"],
  ["ciliumnodes", "CiliumNode", "cilium.io/v2"],
  ["ciliumnetworkpolicies", "CiliumNetworkPolicy", "cilium.io/v2"],
  ["ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", "cilium.io/v2"],
  ["networkpolicies", "NetworkPolicy", "networking.k8s.io/v1"],
  ["ciliumcidrgroups", "CiliumCIDRGroup", "cilium.io/v2"],
];
const needed = new Set([
  ...lists.map(([file]) => file),
  "cilium-configmap",
  "cilium-helm-values",
  "the rest of the archive",
]);

/** Every sysdump in an archive or an unpacked folder, as `diagnose` reads it. `named`: of `NAME=FILE`. */
export async function fromSysdumps(path: string, named: string | undefined): Promise<Part[]> {
  const dumps = await readSysdumps(path);
  const other = dumps.find((d) => named !== undefined && d.cluster !== named);
  if (other !== undefined)
    throw new MeshproofError("usage", `${path} is from cluster ${other.cluster}, not ${named}`, {
      remedy: `give it without a name: ${shellQuote([path])}`,
    });
  return dumps.map((d) => partOf(path, d));
}

/** What the evidence of a cluster, of a sysdump or of a live mesh, says of its settings and objects. `path` is named in messages. */
export function partOf(path: string, dump: Sysdump): Part {
  const { files, missing } = suppliedOf(dump);
  const record = <T>(file: string, format: RecordFormat<T>): T | undefined => {
    const text = files.get(file);
    if (text === undefined) return undefined;
    return parseRecord(text, format, {
      what: `${file} of ${basename(path)}`,
      remedy: "give what `cilium sysdump` wrote",
      code: "archive-corrupt",
    });
  };
  const values = record("helm-values.json", fieldValuesFormat);
  const config = record("cilium-config.json", fieldConfigFormat);
  // An archive of bugtool has no objects, and may be given beside the sysdump.
  const sysdump = lists.some(([file]) => files.has(`${file}.json`));
  return {
    source: path,
    cluster: dump.cluster,
    sysdump,
    ...(values === undefined ? {} : { values }),
    ...(config === undefined ? {} : { config }),
    objects: lists.flatMap(([file, kind, apiVersion]) =>
      (record(`${file}.json`, sourceObjectsFormat) ?? []).map(
        (o): SourceObject => ({ ...o, kind, apiVersion }),
      ),
    ),
    notes: sysdump ? missing.flatMap(({ what, why }) => notRead(what, why)) : [],
  };
}

/** Parts that no lab is made of, such as logs, are not missed. */
function notRead(what: string, why: string): Note[] {
  const name = what.replace(/\.(json|yaml)$/, "");
  if (!needed.has(name)) return [];
  return [{ field: name, inSource: why, inLab: "not read", matters: "perhaps", part: "other" }];
}
