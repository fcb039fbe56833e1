import type { FindingKind } from "./kind.ts";

/** Machines under pressure, and what an API server refuses. */
export const apiServerKinds = {
  "node-pressure": {
    layer: "nodes",
    severity: "suspect",
    meaning:
      "kubelet reports that a node is short of disk, memory or processes, or that it has no network: it evicts pods and admits none. The finding is `broken` while a workload of Cilium in that cluster is not complete.",
    confirm: "`kubectl describe node NAME`: its conditions, with kubelet's own words.",
    remedy:
      "Free what is short on that node. kubelet withdraws the condition by itself, after five minutes at most, and pods are scheduled there again.",
  },
  "namespace-terminating": {
    layer: "control plane",
    severity: "suspect",
    meaning:
      "A namespace is being deleted and its deletion does not end: the server of an API group does not answer, so Kubernetes cannot list what is in the namespace, or objects have finalizers that nobody removes. Nothing can be created in it, so services and pods that are missing there are effects. The finding is `broken` if the namespace holds a global or exported service in any cluster, or Cilium itself. What is usual in every deletion counts only after two minutes.",
    confirm:
      "`kubectl get namespace NAME -o yaml`: `status.conditions`; `kubectl get apiservices` shows those that are not available.",
    remedy:
      "Bring back what the condition names, or delete the APIService whose server is gone for good: the deletion then ends by itself. Afterwards create the namespace and its objects again. To empty the finalizers of the namespace itself leaves its objects behind.",
  },
  "permission-missing": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "The API server refuses a request of an agent, the operator or clustermesh-apiserver, because the role of its ServiceAccount lacks the right: a role that was trimmed, or is older than the running version. A container that may not list what it must know never becomes ready, or works with what it knew before. It is read from failing controllers and from logs, and counts while it lasts: within the last minutes, or while the container is not ready. `suspect` if the container is ready and the mesh does not depend on the right.",
    confirm:
      "`kubectl auth can-i VERB RESOURCE.GROUP -A --as=system:serviceaccount:NAMESPACE:NAME` says no; the log of the container says `is forbidden`.",
    remedy:
      "`helm upgrade` with the release's own values and version writes the ClusterRoles anew; informers try again within a minute. Without Helm, apply the ClusterRole of the running version.",
  },
  "webhook-not-answering": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "An admission webhook fails closed and does not answer, for example because its policy engine was removed without it, so the API server refuses every request that its rules cover. If these are CiliumEndpoints, new pods run and are ready, and no other node learns their addresses. `suspect` if no request was seen to fail, and its service does not exist or has no ready endpoint.",
    confirm:
      "`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml`; `cilium-dbg status --all-controllers`, or the events of the workload, quote it.",
    remedy:
      "Bring its server back, or delete its configuration if the server is gone for good. Cilium tries again by itself.",
  },
  "request-refused": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "An admission webhook, a ValidatingAdmissionPolicy, a ResourceQuota or a conversion webhook refuses what Cilium or a workload of the mesh asks of the API server. What was not written is missing in every later step. `suspect` if it may be transient.",
    confirm:
      "`cilium-dbg status --all-controllers`, the log of the container, or the events of the workload that the finding names.",
    remedy: "Exempt Cilium's objects from the policy, raise the quota, or bring the conversion webhook back.",
  },
  "service-exports-off": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "The MCS API is on, and clustermesh-apiserver exports no ServiceExport because the CRD was missing, or lacked a version, when it started: after an upgrade, or when the MCS API was switched on, before the operator had installed it. It says so once, in a warning, and marks its exports as complete, so peers delete what they had imported (cilium#47793). Everything else of the mesh works.",
    confirm:
      "The log of container apiserver of clustermesh-apiserver: `starting synchronizing service exports without the required CRD installed`; its kvstore has no key below cilium/state/serviceexports/v1/.",
    remedy:
      "Install the CRDs, or let the operator do it (clustermesh.mcsapi.installCRDs), and restart clustermesh-apiserver. From Cilium 1.20.1 on it looks again by itself.",
  },
  "kvstore-full": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "An etcd has reached its quota and refuses every write. Connections stay and old entries remain, so the mesh looks healthy; what was added since is missing in every cluster. `suspect` if it may be over.",
    confirm:
      "The log of container etcd says `alarm raised` with `NOSPACE`; so does `etcdctl alarm list` in it.",
    remedy:
      "Restart clustermesh-apiserver, or delete the pod of the one replica that is full: its data are in an emptyDir, and are written anew. Any other etcd must be compacted and defragmented, and its alarm disarmed. Then find what fills it, or raise its quota.",
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
