import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { processMarkSchema } from "./process-mark.ts";

const undoKinds = [
  "service",
  "secret",
  "configMap",
  "deployment",
  "pod",
  "endpointSlice",
  "validatingWebhook",
  "node",
  "ciliumNode",
  "ciliumEndpoint",
  "ciliumNetworkPolicy",
  "ciliumClusterwideNetworkPolicy",
  "networkPolicy",
  "serviceExport",
  "serviceImport",
] as const;

const mapping = z.record(z.string(), z.unknown());

const undoSchema = z.discriminatedUnion("do", [
  /** Removes firewall rules that carry `mark` from a node, or from the network namespace of a pod on it. */
  z.object({
    do: z.literal("remove-rules"),
    node: z.string(),
    mark: z.string(),
    podUid: z.string().exactOptional(),
  }),
  /** Removes a routing rule that blocked a node's traffic to a CIDR. */
  z.object({ do: z.literal("remove-routing-rule"), node: z.string(), to: z.string() }),
  z.object({
    do: z.literal("scale"),
    cluster: z.string(),
    namespace: z.string(),
    name: z.string(),
    replicas: z.number(),
  }),
  /** A JSON merge patch that restores fields; `null` removes them. */
  z.object({
    do: z.literal("merge"),
    cluster: z.string(),
    kind: z.enum(undoKinds),
    namespace: z.string().exactOptional(),
    name: z.string(),
    patch: mapping,
  }),
  /** Creates a deleted object again. */
  z.object({ do: z.literal("apply"), cluster: z.string(), object: mapping }),
  z.object({
    do: z.literal("remove"),
    cluster: z.string(),
    kind: z.enum(undoKinds),
    namespace: z.string().exactOptional(),
    name: z.string(),
  }),
  z.object({ do: z.enum(["unpause", "start"]), node: z.string() }),
  /** Restores the MTU of the host's end of a node's link. */
  z.object({ do: z.literal("set-link-mtu"), node: z.string(), mtu: z.number() }),
  /** Resumes a stopped process of a node; `process` is matched against complete command lines. */
  z.object({ do: z.literal("continue"), node: z.string(), process: z.string() }),
  /** Restores a BPF entry through a node's agent. */
  z.object({
    do: z.literal("agent-command"),
    cluster: z.string(),
    node: z.string(),
    argv: z.array(z.string()),
    /** Run only if the cluster still has an endpoint with this address. */
    onlyWhile: z.object({ cluster: z.string(), endpointIp: z.string() }).exactOptional(),
  }),
  /** Restores an entry in a cluster's kvstore. */
  z.object({ do: z.literal("kvstore-put"), cluster: z.string(), key: z.string(), value: z.string() }),
  /** Removes an entry that was planted in a cluster's kvstore. */
  z.object({ do: z.literal("kvstore-remove"), cluster: z.string(), key: z.string() }),
  /** Restores the peers in a cluster's Helm values; the list holds no keys. */
  z.object({ do: z.literal("set-members"), cluster: z.string(), members: z.array(mapping) }),
  /** Restores `clustermesh.cacheTTL` in a cluster's Helm values, and restarts what reads it. */
  z.object({ do: z.literal("set-cache-ttl"), cluster: z.string(), cacheTtl: z.string() }),
  /** Deletes pods and waits for their replacements. */
  z.object({
    do: z.literal("replace-pods"),
    cluster: z.string(),
    /** kube-system by default. */
    namespace: z.string().exactOptional(),
    selector: z.string(),
    /** Restricts it to the pods of one node. */
    node: z.string().exactOptional(),
  }),
  /** Waits until every node of a cluster is Ready and has its prober pod. */
  z.object({ do: z.literal("await-nodes"), cluster: z.string() }),
  /** Waits until every agent of every cluster is connected and synchronised with every other cluster. */
  z.object({ do: z.literal("await-mesh") }),
]);
/**
 * How a fault is undone, as data: written to the lab's journal before the injection, so that the next command can heal
 * a fault that a killed command left. Every step is idempotent: a target that is already restored or removed is no error.
 */
export type Undo = Infer<typeof undoSchema>;

const entryFields = {
  ...processMarkSchema.shape,
  id: z.string(),
  fault: z.string(),
  injectedAt: z.string(),
  undo: z.array(undoSchema),
};
const journalEntrySchema = z.object({ version: z.literal(1), ...entryFields });
/** An injected fault that is not healed yet, with the process that injected it; while that lives, it heals the fault. */
export type JournalEntry = Infer<typeof journalEntrySchema>;

export const journalEntryFormat: RecordFormat<JournalEntry> = {
  schema: journalEntrySchema,
  version: { key: "version", current: 1 },
  // The first entries have no version.
  older: { 0: z.object(entryFields).transform((entry) => ({ version: 1 as const, ...entry })) },
};
