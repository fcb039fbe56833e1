import type { FindingKind } from "./kind.ts";

/** Nodes, networks and the processes of Cilium. */
export const controlPlaneKinds = {
  "node-down": {
    layer: "nodes",
    severity: "broken",
    meaning:
      "A node is frozen, stopped or not Ready, or an API server does not answer. Everything on that node is affected.",
    confirm: "`kubectl get nodes`; for nodes that are containers also `docker ps -a`.",
    remedy: "Start the node, or read its kubelet's log. The finding names the command.",
  },
  "tunnel-device-down": {
    layer: "nodes",
    severity: "broken",
    meaning:
      "The tunnel device of a node (`cilium_vxlan` or `cilium_geneve`) is down, so no tunnelled packet leaves or enters it. Cilium sets it up when the agent starts; systemd-networkd, NetworkManager or `netplan apply` can take it down.",
    confirm:
      "`ip -br link show type vxlan` (or `geneve`) on the node that the finding names; its log of networkd or NetworkManager.",
    remedy:
      "`ip link set dev cilium_vxlan up`, exclude links named cilium* from what manages the node's links, and restart its agent.",
  },
  "packets-dropped": {
    layer: "underlay",
    severity: "broken",
    meaning:
      "A firewall or routing rule on a node, or in a pod's network namespace, drops or refuses packets, and neither Kubernetes nor Cilium set it.",
    confirm:
      "`iptables-save -c` and `ip rule` on the node that the finding names: the counter of the rule rises while clients try.",
    remedy:
      "Delete the rule with the command that the finding has. Find out what set it, and remove it there; otherwise it comes back.",
  },
  "process-stopped": {
    layer: "control plane",
    severity: "broken",
    meaning: "A process is in state T: it was sent SIGSTOP, or a debugger holds it.",
    confirm: "`ps -eo stat,pid,args | grep ^T` on the node.",
    remedy: "Send it SIGCONT, or delete its pod.",
  },
  "scaled-to-zero": {
    layer: "control plane",
    severity: "broken",
    meaning: "The operator, clustermesh-apiserver or CoreDNS has no replicas.",
    confirm: "`kubectl -n kube-system get deployment`.",
    remedy: "Scale it up again; if a tool scaled it down, correct that tool's configuration.",
  },
  "pod-cannot-start": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "A pod of Cilium or CoreDNS waits for something that does not exist: a Secret, a ConfigMap, an image, a node with room, or the consent of an admission rule. Kubernetes' events say which.",
    confirm:
      "`kubectl -n kube-system describe pod NAME`: the events at the end. Then `kubectl -n kube-system get secret,configmap`.",
    remedy:
      "Create what is missing by the way it was installed, and replace the pod, which would try again only after minutes: `helm upgrade` makes the chart's Secrets and ConfigMaps; certificates come from Helm, from the job clustermesh-apiserver-generate-certs or from cert-manager, whichever `clustermesh.apiserver.tls.auto.method` names.",
  },
  "container-not-ready": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "A container of Cilium or CoreDNS is not ready or crashes. With OOMKilled, the kernel killed it because its memory limit was reached, which its log does not show.",
    confirm:
      "`kubectl -n kube-system get pods`, the log of the container's last run with `--previous`, and `kubectl describe pod`: its last state and exit code.",
    remedy: "Correct what the log names; after OOMKilled, raise the memory limit in the Helm values.",
  },
  "workload-not-ready": {
    layer: "control plane",
    severity: "broken",
    meaning: "A workload of Cilium or CoreDNS has fewer ready pods than it should have.",
    confirm: "`kubectl -n kube-system get deployment,daemonset`.",
    remedy: "Read the events of its pods and of its ReplicaSet.",
  },
  "agent-silent": {
    layer: "control plane",
    severity: "broken",
    meaning: "An agent does not answer on its socket.",
    confirm: "`kubectl -n kube-system exec POD -c cilium-agent -- cilium-dbg status --brief`.",
    remedy: "Read its log; delete the pod if it hangs.",
  },
  "apiserver-affinity-not-ready": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "One replica of clustermesh-apiserver is not ready while another one is, and a peer cannot connect. The service has session affinity, and Cilium's kube-proxy replacement keeps a client at a backend that is not ready for as long as the backend exists (known defect affinity-not-ready), so a peer that was connected to the sick replica is not moved to the healthy one.",
    confirm:
      "`kubectl -n kube-system get pods -l k8s-app=clustermesh-apiserver`; on a node, `cilium-dbg bpf lb list --backends` and the entry of the service in `cilium_lb_affinity_match`.",
    remedy: "Delete the replica that is not ready, or correct it. Its deletion moves the client.",
  },
  "cilium-defect": {
    layer: "known defects",
    severity: "suspect",
    meaning:
      "This version of Cilium has a defect that affects an object or a setting of this mesh. `suites/known-defects.yaml` has the list, with the source of each.",
    confirm: "Compare the version of the agents (`cilium version`) with the ranges in the list.",
    remedy: "Upgrade to the version that the finding names; until then, avoid what triggers the defect.",
  },
  "controller-failing": {
    layer: "controllers",
    severity: "broken",
    meaning: "A controller of an agent, which is a task that it repeats, fails.",
    confirm: "`cilium-dbg status --all-controllers` in the agent's pod.",
    remedy: "Correct what the message names.",
  },
  "node-unreachable": {
    layer: "health",
    severity: "broken",
    meaning: "Agents cannot reach a node, or the health endpoint on it, by ICMP or HTTP.",
    confirm: "`cilium-health status` in an agent's pod.",
    remedy:
      "Check the network between these nodes: UDP 8472 (VXLAN), 6081 (Geneve) or 51871 (WireGuard), TCP 4240 and ICMP.",
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
