import type { ProcessMark } from "./process-mark.ts";

/**
 * How a fault is undone, as data: written to the lab's journal before the harm is done, so that the next command can
 * heal what a killed one left. Every step is idempotent: what is undone already, or gone, is no error.
 */
export type Undo =
  /** Removes firewall rules that carry `mark` from a node, or from the network namespace of a pod on it. */
  | { readonly do: "remove-rules"; readonly node: string; readonly mark: string; readonly podUid?: string }
  /** Takes a routing rule away that kept a node from a CIDR. */
  | { readonly do: "remove-routing-rule"; readonly node: string; readonly to: string }
  | {
      readonly do: "scale";
      readonly cluster: string;
      readonly namespace: string;
      readonly name: string;
      readonly replicas: number;
    }
  /** A JSON merge patch that puts fields back; `null` takes them away. */
  | {
      readonly do: "merge";
      readonly cluster: string;
      readonly kind: UndoKind;
      readonly namespace?: string;
      readonly name: string;
      readonly patch: Readonly<Record<string, unknown>>;
    }
  /** Makes a deleted object again. */
  | { readonly do: "apply"; readonly cluster: string; readonly object: Readonly<Record<string, unknown>> }
  | {
      readonly do: "remove";
      readonly cluster: string;
      readonly kind: UndoKind;
      readonly namespace?: string;
      readonly name: string;
    }
  | { readonly do: "unpause" | "start"; readonly node: string }
  /** Lets a stopped process of a node go on; `process` is matched against whole command lines. */
  | { readonly do: "continue"; readonly node: string; readonly process: string }
  /** A BPF entry back into a node's agent. */
  | {
      readonly do: "agent-command";
      readonly cluster: string;
      readonly node: string;
      readonly argv: readonly string[];
      /** Only while a cluster still has an endpoint with this address. */
      readonly onlyWhile?: { readonly cluster: string; readonly endpointIp: string };
    }
  /** An entry back into a cluster's kvstore. */
  | {
      readonly do: "kvstore-put";
      readonly cluster: string;
      readonly key: string;
      readonly value: string;
    }
  /** Deletes pods and waits for those that take their place. */
  | {
      readonly do: "replace-pods";
      readonly cluster: string;
      /** kube-system, where none is named. */
      readonly namespace?: string;
      readonly selector: string;
      /** Those of one node alone. */
      readonly node?: string;
    }
  /** Waits until every node of a cluster is Ready and has its prober pod. */
  | { readonly do: "await-nodes"; readonly cluster: string }
  /** Waits until every agent of every cluster is connected and synchronised with every other cluster. */
  | { readonly do: "await-mesh" };

export type UndoKind =
  | "service"
  | "secret"
  | "configMap"
  | "deployment"
  | "pod"
  | "endpointSlice"
  | "validatingWebhook"
  | "ciliumNode"
  | "ciliumEndpoint"
  | "ciliumNetworkPolicy"
  | "networkPolicy";

/** One fault that was injected and not yet healed, with the process that injected it: a living one heals it itself. */
export interface JournalEntry extends ProcessMark {
  readonly id: string;
  readonly fault: string;
  readonly injectedAt: string;
  readonly undo: readonly Undo[];
}
