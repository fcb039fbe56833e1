import type { FindingKind } from "./kind.ts";

/** Nodes, networks and the processes of Cilium. */
export const controlPlaneKinds = {
  "node-down": {
    layer: "nodes",
    severity: "broken",
    meaning:
      "A node is frozen, stopped or not Ready, or an API server does not answer. Everything on that node is affected. Of a node that is not Ready the finding has kubelet's own words: the container runtime is down, kubelet has stopped reporting, or the network that its agent sets up is missing.",
    confirm:
      "`kubectl describe node NAME`: the condition Ready; `systemctl is-active containerd kubelet` on the node; for nodes that are containers also `docker ps -a`.",
    remedy:
      "Start the node, its container runtime or its kubelet, as the finding says; the log of that unit says why it stopped. Pods and agents on it need nothing else.",
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
  "program-detached": {
    layer: "nodes",
    severity: "broken",
    meaning:
      "One of Cilium's BPF programs is not attached to a device of a node although its agent runs. Without `cil_from_netdev` the node serves no node port, load balancer address or external IP, so other clusters cannot connect to clustermesh-apiserver there; without `cil_from_overlay` its pods get no tunnelled packet. Agents, services and maps look healthy. Another eBPF agent (security software), or what cleans or mounts /sys/fs/bpf, removes them. Read from the pins of their links, which Linux 6.6 and later have: programs that tc attached, and links that were detached and kept their pin, are not seen.",
    confirm:
      "`find /sys/fs/bpf/cilium/devices` in the agent's pod lacks the program that other nodes have; `bpftool net show` on the node.",
    remedy: "Restart the agent of the node, which attaches them anew, and stop what removed them.",
  },
  "neighbour-wrong": {
    layer: "nodes",
    severity: "broken",
    meaning:
      "A node has a permanent neighbour (ARP) entry for another node, with a link-layer address that is not that node's: what it sends there arrives nowhere, and the answers to what arrives from there are lost. All other pairs of nodes work. Cilium up to 1.10, configuration management and keepalived write such entries.",
    confirm:
      "`ip neigh show nud permanent` on the node that the finding names, against `ip link` on the other.",
    remedy: "`ip neigh del ADDRESS dev DEVICE` on that node; then remove what set it.",
  },
  "packets-dropped": {
    layer: "underlay",
    severity: "broken",
    meaning:
      "A firewall or routing rule on a node, or in a pod's network namespace, drops or refuses packets, and neither Kubernetes nor Cilium set it. Rules of nftables, as firewalld writes them, are read from live nodes only, and reported where other nodes do not reach the node.",
    confirm:
      "`iptables-save -c`, `nft list ruleset` and `ip rule` on the node that the finding names: the counter of the rule rises while clients try.",
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
      "`kubectl -n kube-system get pods`, the log of the container (of its last run with `--previous`, if it was restarted), and `kubectl describe pod`: its last state and exit code.",
    remedy: "Correct what the log names; after OOMKilled, raise the memory limit in the Helm values.",
  },
  "container-restarts": {
    layer: "control plane",
    severity: "suspect",
    meaning:
      "A container of Cilium or CoreDNS runs, and was terminated before, again and again or because its memory limit was reached (OOMKilled). Everything is up when one looks, and each restart breaks connections: with the etcd of clustermesh-apiserver those of all other clusters. One OOMKilled of the last 7 days is enough. Other terminations (exit code not 0) count from 3 restarts on if the last was within an hour before the collection, and from 5 on if it was within a day. Terminations in the first 10 minutes of a pod are part of its start and do not count; nor do those in the same minute as one of another pod of the node, because then the node restarted.",
    confirm:
      "`kubectl -n kube-system get pods`: RESTARTS; `kubectl -n kube-system describe pod NAME`: the last state of the container, its reason, exit code and time, and its memory limit; the log of the last run with `--previous`, in which OOMKilled leaves no trace.",
    remedy:
      "After OOMKilled raise the memory limit in the Helm values: `clustermesh.apiserver.etcd.resources`, `clustermesh.apiserver.resources`, `clustermesh.apiserver.kvstoremesh.resources`, `operator.resources` or `resources` for the agents. A container without a limit was killed because its node had no memory left. Otherwise correct what the log of the last run names; a liveness probe that fails is among the events of the pod.",
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
  "apiserver-traffic-policy": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "A traffic policy `Local` of clustermesh-apiserver's Service keeps clients from it. With internalTrafficPolicy, agents on nodes without a ready pod of it reach no backend at its ClusterIP, by which they read KVStoreMesh: they know nothing of other clusters, while agents on other nodes and KVStoreMesh itself are well. With externalTrafficPolicy, a node without the pod drops what another cluster sends to its node port. Connections that are open last until one side restarts; then the finding is suspect.",
    confirm:
      "`kubectl -n kube-system get service clustermesh-apiserver -o yaml`, and on which nodes `kubectl -n kube-system get pods -l k8s-app=clustermesh-apiserver -o wide` has pods. `cilium-dbg service list` in the agent's pod shows the ClusterIP, port 2379, without a backend.",
    remedy:
      "Set the policy to Cluster, in the Service and in the Helm values (clustermesh.apiserver.service.internalTrafficPolicy, externalTrafficPolicy). More replicas help only as long as every node has one.",
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
  "clusters-unreachable": {
    layer: "health",
    severity: "broken",
    meaning:
      "No agent of one cluster reaches any node of another, and within that cluster they are reached: the network between the clusters does not carry it. Either the nodes do not answer at the addresses by which they are announced (InternalIPs behind NAT, in a network without a route, or of a VPN that is down), or they do and the tunnel's UDP port does not pass. Health endpoints that answer ICMP show that packets to pods pass, and a TCP connection that is refused that packets to nodes do: then there is no such finding. The control plane may be connected all the same: it uses the address of clustermesh-apiserver, and traffic of pods goes from node to node.",
    confirm:
      "`cilium-health status` in an agent's pod of each cluster; `kubectl get nodes -o wide`; `ping` and `ip route get` with the InternalIP of a node of the other cluster.",
    remedy:
      "Connect the networks, so that every node reaches the InternalIP of every node of the other cluster: UDP 8472 (VXLAN), 6081 (Geneve) or 51871 (WireGuard), TCP 4240 and ICMP; or announce the nodes by addresses that the other cluster can reach. A peer address or a forwarded port does not help.",
  },
  "node-unreachable": {
    layer: "health",
    severity: "broken",
    meaning:
      "Agents cannot reach a node, or the health endpoint on it, by ICMP or HTTP. HTTP is TCP 4240 (cluster-health-port), where agents answer on the node and on the health endpoint. An agent asks all nodes at its own port, so a node with another port is judged by ICMP alone, and a node whose health checking is off (enable-health-checking, or enable-endpoint-health-checking for its endpoint) is not judged. If ICMP passes and TCP 4240 does not, there is a path, and something filters the port: a security group, a network ACL, a firewall on the node, or the host firewall of Cilium; traffic of pods may pass all the same. Several nodes with the same filter between the same clusters are one finding. Paths that another finding explains are no reason for this one: those between two clusters without a path, those that a host policy drops, and those from or to a node that is down itself, or whose agent is.",
    confirm:
      "`cilium-health status --verbose` in an agent's pod; `curl http://ADDRESS:4240/hello` from another node.",
    remedy:
      "Check the network between these nodes: UDP 8472 (VXLAN), 6081 (Geneve) or 51871 (WireGuard), TCP 4240 and ICMP. If only TCP 4240 fails, let it in to the node from the nodes of every cluster: security groups and network ACLs, `iptables-save` and `nft list ruleset` on the node, and policies with a nodeSelector where enable-host-firewall is true.",
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
