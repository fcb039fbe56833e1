import { z } from "zod";
import { messageOf } from "#harness/lib/errors.ts";
import type { Part } from "#harness/model/mesh-snapshot.ts";
import type { ClusterPolicies, UserPolicy } from "#harness/model/what-if.ts";
import { type ClusterEvidence, notCollected } from "./evidence.ts";
import { podTemplateSchema } from "./pod-templates.ts";

const spec = z.record(z.string(), z.unknown());
const objectSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  spec: spec.nullish(),
  specs: z.array(spec).nullish(),
});
type Stored = z.infer<typeof objectSchema>;

/** The policies and namespaces of one cluster's evidence. */
export function policiesOf(files: ClusterEvidence): ClusterPolicies {
  const policies = (kind: UserPolicy["kind"], file: string): Part<readonly UserPolicy[]> =>
    objects(files, file, (found) =>
      found.map(({ metadata, spec: one, specs }) => ({
        kind,
        namespace: metadata.namespace ?? (kind === "CiliumClusterwideNetworkPolicy" ? "" : "default"),
        name: metadata.name,
        specs: [
          ...(one == null ? [] : [{ path: "spec", spec: one }]),
          ...(specs ?? []).map((s, i) => ({ path: `specs[${i}]`, spec: s })),
        ],
      })),
    );
  const unjudged = objects(files, "clusternetworkpolicies.json", (found) =>
    found.map((o) => o.metadata.name),
  );
  const templates = listOf(files, "pod-templates.json", podTemplateSchema);
  const unrendered = listOf(files, "unrendered.json", z.string());
  return {
    ...(templates.length > 0 ? { templates } : {}),
    ...(unrendered.length > 0 ? { unrendered } : {}),
    ...(unjudged.ok && unjudged.value.length > 0 ? { unjudged: unjudged.value } : {}),
    policies: {
      NetworkPolicy: policies("NetworkPolicy", "networkpolicies.json"),
      CiliumNetworkPolicy: policies("CiliumNetworkPolicy", "ciliumnetworkpolicies.json"),
      CiliumClusterwideNetworkPolicy: policies(
        "CiliumClusterwideNetworkPolicy",
        "ciliumclusterwidenetworkpolicies.json",
      ),
    },
    namespaces: objects(
      files,
      "namespaces.json",
      (found) => new Map(found.map(({ metadata }) => [metadata.name, metadata.labels ?? {}])),
    ),
  };
}

/** Of manifests only; a file of that name in a folder of evidence is another's, and may hold anything. */
function listOf<S extends z.ZodType>(files: ClusterEvidence, file: string, schema: S): z.infer<S>[] {
  try {
    return z.array(schema).parse(JSON.parse(files.get(file) ?? "[]"));
  } catch {
    return [];
  }
}

function objects<T>(files: ClusterEvidence, file: string, map: (found: readonly Stored[]) => T): Part<T> {
  const text = files.get(file);
  if (text === undefined) return { ok: false, why: `${file} does not exist`, absent: true };
  if (text.startsWith(notCollected)) return { ok: false, why: text.slice(notCollected.length).trim() };
  try {
    // A sysdump writes an empty list as null.
    return { ok: true, value: map(z.array(objectSchema).nullable().parse(JSON.parse(text)) ?? []) };
  } catch (error) {
    return { ok: false, why: `${file}: ${messageOf(error)}` };
  }
}
