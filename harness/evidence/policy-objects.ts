import { z } from "zod";
import { messageOf } from "#harness/lib/errors.ts";
import { issuesOf } from "#harness/lib/records.ts";
import type { Part } from "#harness/model/mesh-snapshot.ts";
import type { ClusterPolicies, MalformedPolicy, UserPolicy } from "#harness/model/what-if.ts";
import { type ClusterEvidence, notCollected, notSupplied } from "./evidence.ts";
import { podTemplateSchema } from "./pod-templates.ts";

const selector = z
  .looseObject({
    matchLabels: z.looseObject({}).nullish(),
    matchExpressions: z.array(z.looseObject({ key: z.string(), operator: z.string() })).nullish(),
  })
  .nullish();
const selectors = z.array(selector).nullish();
const peers = z
  .array(z.looseObject({ podSelector: selector, namespaceSelector: selector }).nullable())
  .nullish();
/** As far as a reader looks into it: an API server refuses another shape, a file may have any. */
const rules = z
  .array(
    z
      .looseObject({
        ...{ fromEndpoints: selectors, fromNodes: selectors, fromRequires: selectors },
        ...{ toEndpoints: selectors, toNodes: selectors, toRequires: selectors },
        ...{ from: peers, to: peers, _from: peers, _to: peers },
        toServices: z.array(z.looseObject({})).nullish(),
      })
      .nullable(),
  )
  .nullish();
const spec = z.looseObject({
  ...{ endpointSelector: selector, nodeSelector: selector, podSelector: selector },
  ...{ ingress: rules, ingressDeny: rules, egress: rules, egressDeny: rules },
});
const metadata = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  generation: z.unknown().optional(),
});
const objectSchema = z.object({ metadata });
type Stored = z.infer<typeof objectSchema>;

/** Cilium takes what is in `spec` and in `specs`, and either may be absent. */
const policySchema = z.object({ metadata, spec: spec.nullish(), specs: z.array(spec).nullish() });

/** The policies and namespaces of one cluster's evidence. */
export function policiesOf(files: ClusterEvidence): ClusterPolicies {
  const malformed: MalformedPolicy[] = [];
  const policies = (kind: UserPolicy["kind"], file: string): Part<readonly UserPolicy[]> =>
    listIn(files, file, (objects) => objects.flatMap((object) => policyOf(kind, object, malformed)));
  const named = <T>(file: string, map: (found: readonly Stored[]) => T): Part<T> =>
    listIn(files, file, (objects) => map(z.array(objectSchema).parse(objects)));
  const unjudged = named("clusternetworkpolicies.json", (found) => found.map((o) => o.metadata.name));
  const templates = listOf(files, "pod-templates.json", podTemplateSchema);
  const unrendered = listOf(files, "unrendered.json", z.string());
  const read = {
    NetworkPolicy: policies("NetworkPolicy", "networkpolicies.json"),
    CiliumNetworkPolicy: policies("CiliumNetworkPolicy", "ciliumnetworkpolicies.json"),
    CiliumClusterwideNetworkPolicy: policies(
      "CiliumClusterwideNetworkPolicy",
      "ciliumclusterwidenetworkpolicies.json",
    ),
  };
  return {
    ...(templates.length > 0 ? { templates } : {}),
    ...(unrendered.length > 0 ? { unrendered } : {}),
    ...(unjudged.ok && unjudged.value.length > 0 ? { unjudged: unjudged.value } : {}),
    ...(malformed.length > 0 ? { malformed } : {}),
    policies: read,
    namespaces: named(
      "namespaces.json",
      (found) => new Map(found.map((o) => [o.metadata.name, o.metadata.labels ?? {}])),
    ),
  };
}

/** One that is not a policy is left out and named, so that the others are judged. */
function policyOf(kind: UserPolicy["kind"], object: unknown, malformed: MalformedPolicy[]): UserPolicy[] {
  const namespaceOf = (of: string | undefined): string =>
    of ?? (kind === "CiliumClusterwideNetworkPolicy" ? "" : "default");
  const parsed = policySchema.safeParse(object);
  if (!parsed.success) {
    const { metadata: at } = z.looseObject({ metadata }).safeParse(object).data ?? {};
    const name = at === undefined ? [] : [namespaceOf(at.namespace), at.name].filter((n) => n !== "");
    malformed.push({ object: `${kind} ${name.join("/")}`.trim(), why: issuesOf(parsed.error, object) });
    return [];
  }
  const { metadata: at, spec: one, specs } = parsed.data;
  return [
    {
      kind,
      namespace: namespaceOf(at.namespace),
      name: at.name,
      ...(typeof at.generation === "number" ? { generation: at.generation } : {}),
      specs: [
        ...(one == null ? [] : [{ path: "spec", spec: one }]),
        ...(specs ?? []).map((s, i) => ({ path: `specs[${i}]`, spec: s })),
      ],
    },
  ];
}

/** Of manifests only; a file of that name in a folder of evidence is another's, and may hold anything. */
function listOf<S extends z.ZodType>(files: ClusterEvidence, file: string, schema: S): z.infer<S>[] {
  try {
    return z.array(schema).parse(JSON.parse(files.get(file) ?? "[]"));
  } catch {
    return [];
  }
}

function listIn<T>(files: ClusterEvidence, file: string, map: (objects: readonly unknown[]) => T): Part<T> {
  const text = files.get(file);
  if (text === undefined) return { ok: false, why: `${file} does not exist`, absent: true };
  if (text.startsWith(notCollected)) return { ok: false, why: text.slice(notCollected.length).trim() };
  if (text.startsWith(notSupplied))
    return { ok: false, why: text.slice(notSupplied.length).trim(), absent: true };
  try {
    // A sysdump writes an empty list as null.
    return { ok: true, value: map(z.array(z.unknown()).nullable().parse(JSON.parse(text)) ?? []) };
  } catch (error) {
    return { ok: false, why: `${file}: ${messageOf(error)}` };
  }
}
