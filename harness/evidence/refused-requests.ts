import { readRefusals } from "#harness/cilium/agent/refusal-log.ts";
import { given } from "#harness/lib/given.ts";
import type { RefusedRequest } from "#harness/model/api-objects.ts";
import type { Part } from "#harness/model/mesh-snapshot.ts";
import { type ClusterEvidence, notCollected, notSupplied } from "./evidence.ts";

/** Whose log a file of the evidence holds; undefined for any other file. */
function ownerOf(file: string): Pick<RefusedRequest, "container" | "node" | "pod"> | undefined {
  const node = /^agent-(.+)-log\.txt$/.exec(file)?.[1];
  if (node !== undefined) return { container: "cilium-agent", node };
  const operator = /^operator-(.+)-log\.txt$/.exec(file)?.[1];
  if (operator !== undefined) return { container: "cilium-operator", pod: operator };
  const [, pod, container] = /^(?:replica-(.+)-)?(apiserver|kvstoremesh)-log\.txt$/.exec(file) ?? [];
  return container === undefined ? undefined : { container, ...given({ pod }) };
}

/** What the API server refused, by those logs that were read: the others are no part of their own. */
export function refusedRequests(files: ClusterEvidence): Part<RefusedRequest[]> {
  const logs = [...files].filter(([, text]) => ![notCollected, notSupplied].some((w) => text.startsWith(w)));
  return {
    ok: true,
    value: logs.flatMap(([file, text]) => {
      const owner = ownerOf(file);
      return owner === undefined ? [] : readRefusals(text).map((refused) => ({ ...owner, ...refused }));
    }),
  };
}
