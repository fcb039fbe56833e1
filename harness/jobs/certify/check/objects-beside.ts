import type { ClusterEvidence } from "#harness/evidence/evidence.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type SourceObject, sourceObjectsFormat } from "#harness/model/source-environment.ts";

/** Files of evidence that no lab is made of, and that an upgrade depends on. */
const lists: readonly (readonly [file: string, kind: string, apiVersion: string])[] = [
  ["ciliumnodeconfigs.json", "CiliumNodeConfig", "cilium.io/v2"],
  ["ciliumbgppeeringpolicies.json", "CiliumBGPPeeringPolicy", "cilium.io/v2alpha1"],
  ["secrets.json", "Secret", "v1"],
  ["cert-manager-certificates.json", "Certificate", "cert-manager.io/v1"],
];
/** Its image says which version runs, if the pods do not. */
const daemonSets = ["daemonsets.json", "DaemonSet", "apps/v1"] as const;

export function objectsBeside(objects: readonly SourceObject[], files: ClusterEvidence): SourceObject[] {
  const hasPods = objects.some((o) => o.kind === "Pod");
  return [...lists, ...(hasPods ? [] : [daemonSets])].flatMap(([file, kind, apiVersion]) => {
    const text = files.get(file);
    if (text?.startsWith("[") !== true) return [];
    const found = parseRecord(text, sourceObjectsFormat, {
      what: file,
      remedy: "give what `cilium sysdump` wrote",
      code: "archive-corrupt",
    });
    return (found ?? []).map((o): SourceObject => ({ ...o, kind, apiVersion }));
  });
}
