import type { KubeObject } from "#harness/kube/kube.ts";
import type { ObjectCondition } from "#harness/model/api-objects.ts";
import type { NamespaceState, NodeState, PodState } from "#harness/model/mesh-snapshot.ts";

const messageLimit = 500;

type Condition = Partial<Record<keyof ObjectCondition | "lastTransitionTime", unknown>>;

const listed = ({ status }: KubeObject): readonly Condition[] =>
  (status?.conditions ?? []) as readonly Condition[];

const conditionsOf = (o: KubeObject): ObjectCondition[] =>
  listed(o).map(({ type, status, reason, message }) => ({
    type: String(type ?? ""),
    status: String(status ?? ""),
    reason: String(reason ?? ""),
    message: typeof message === "string" ? message.slice(0, messageLimit) : "",
  }));

const withConditions = (conditions: ObjectCondition[]): { conditions?: ObjectCondition[] } =>
  conditions.length === 0 ? {} : { conditions };

const pressures = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

/** What kubelet, or the control plane in its place, says is wrong with a node; not what other programs say of it. */
export const nodeTroubles = (node: KubeObject): Pick<NodeState, "conditions"> =>
  withConditions(
    conditionsOf(node).filter(({ type, status }) =>
      type === "Ready"
        ? ["False", "Unknown"].includes(status)
        : pressures.includes(type) && status === "True",
    ),
  );

/** Since when a namespace is being deleted, and why that has not ended (pkg/controller/namespace/deletion of Kubernetes). */
export function deletionState(
  namespace: KubeObject,
): Pick<NamespaceState, "ending" | "deletedMs" | "conditions"> {
  const { deletionTimestamp } = namespace.metadata;
  if (deletionTimestamp === undefined) return {};
  const deletedMs = Date.parse(String(deletionTimestamp));
  return {
    ending: true,
    ...(Number.isNaN(deletedMs) ? {} : { deletedMs }),
    ...withConditions(
      conditionsOf(namespace).filter(({ type, status }) => /^Namespace[A-Z]/.test(type) && status === "True"),
    ),
  };
}

export function readySince(pod: KubeObject): Pick<PodState, "readySinceMs"> {
  const ready = listed(pod).find((c) => c.type === "Ready" && c.status === "True");
  const sinceMs = Date.parse(String(ready?.lastTransitionTime ?? ""));
  return Number.isNaN(sinceMs) ? {} : { readySinceMs: sinceMs };
}
