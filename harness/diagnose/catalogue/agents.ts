import type { FindingKind } from "./kind.ts";

/** What agents say of themselves: keys, addresses, maps, versions. */
export const agentKinds = {
  "node-address-differs": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "The address of a node in its CiliumNode is not the one of its Node, for example because a machine was replaced by another of the same name. All other nodes, in every cluster, use the address in the CiliumNode for the node, its health endpoint and its pod CIDR; what the node itself sends arrives.",
    confirm:
      "`kubectl get ciliumnode NAME -o jsonpath='{.spec.addresses} {.metadata.ownerReferences}'` against `kubectl get node NAME -o wide` and the uid of that Node.",
    remedy:
      "Restart the agent of that node, which writes its CiliumNode when it starts. If it cannot, because the CiliumNode belongs to a Node that is gone, delete the CiliumNode first: the agent makes it anew.",
  },
  "node-internal-address": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "A node is announced by an address (InternalIP) that no other node reaches, and has another one in the network of the other nodes. kubelet takes the address of the wrong network device, often that of a NAT, if it is not told which. Other nodes send packets for its pods to the announced address.",
    confirm:
      "`kubectl get nodes -o wide` against `ip -4 addr` on the node; `ping` to both addresses from another node.",
    remedy:
      "Start kubelet of that node with `--node-ip` and the address in the network of the others, then restart the agent there, which announces it.",
  },
  "node-mtu-differs": {
    layer: "configuration",
    severity: "suspect",
    meaning:
      "Nodes of one cluster or of several send larger packets than others take, for example with jumbo frames (MTU 9001) in one cloud and 1500 in another. With the setting `mtu` 0 each agent detects the MTU of its own node and uses it for every remote node. Packets that are too large for the way are lost where no hop fragments them or answers `fragmentation needed`; small requests and health checks pass. TCP between pods agrees on the smaller segment size of both ends, and from Cilium 1.19 on probes for a smaller one where packets vanish (`packetization-layer-pmtud-mode`), so datagrams (UDP), other protocols and paths with a hop that is narrower than both ends suffer first. Read from the device with the node's address, in archives and on nodes that are containers of this machine. An archive cannot show a loss.",
    confirm:
      "`ip link` and `ip route` in an agent's pod of each node; `ping -M do -s SIZE ADDRESS` from a node of the larger MTU to one of the smaller, with growing sizes; `diagnose` of a lab that runs sends large requests itself.",
    remedy:
      "Set the Helm value `MTU` to one value in all clusters, not more than every node and every hop takes, and restart the agents; pods keep their MTU until they are created anew. Or let ICMP `fragmentation needed` (IPv6: `packet too big`) pass everywhere: security groups and network ACLs often drop it.",
  },
  "bpf-map-full": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "A BPF map of an agent is full, so what came later is missing in it: services or backends, addresses of pods, or rules of a policy. A restart of the agent does not help. `suspect` if the agent said so only in the past.",
    confirm:
      "The log of the agent: `the map is full`, `argument list too long` or `You can resize it`; `cilium-dbg status --verbose`, section BPF Maps; the metric cilium_bpf_map_pressure.",
    remedy:
      "Raise the size in the Helm values: `bpf.lbMapMax` for services, `bpf.policyMapMax` for policies; then restart the agents. A map that is resized is made anew, which may break open connections to services. The map of addresses (ipcache) has a fixed size: reduce the identities and addresses of the mesh.",
  },
  "node-without-addresses": {
    layer: "control plane",
    severity: "broken",
    meaning:
      "The agent of a node has given out all addresses that it may give to pods, so no pod starts there (`range is full`). Addresses of pods that no longer exist count too if their deletion was never reported to the agent. `suspect` while no pod waits for one.",
    confirm:
      "`cilium-dbg status --all-addresses` in the agent's pod: `254/254 allocated`, and whose they are, against `kubectl get pods -A -o wide`.",
    remedy:
      "If addresses of pods that are gone fill it, restart the agent, which keeps only those of pods that exist. Otherwise move pods away, or give the node a larger pod CIDR.",
  },
  "program-versions-apart": {
    layer: "configuration",
    severity: "suspect",
    meaning:
      "clustermesh-apiserver or the operator of a cluster runs another minor release of Cilium than the agents of the same cluster, usually because its image was pinned in the values of an upgrade. Cilium's programs are tested together in one version only.",
    confirm: "`kubectl -n kube-system get pods -o jsonpath='{..image}'`; the Helm values `image.tag`.",
    remedy: "Take the pinned image out of the Helm values and upgrade to the version of the agents.",
  },
  "identity-without-cluster": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "Identities of a cluster lack the label io.cilium.k8s.policy.cluster, because its setting `labels` leaves it out. Agents of other clusters (Cilium 1.16 and later) refuse such identities: pods of that cluster are unknown there, and no policy that selects pods selects them. `suspect` if only the setting is so, and the identities still have the label.",
    confirm:
      "`kubectl get ciliumidentities -o yaml`: security-labels; the log of an agent of another cluster: `could not find expected label io.cilium.k8s.policy.cluster`; `cilium-dbg identity list` there.",
    remedy:
      "Take the pattern that leaves the label out of `labels`, restart agents and operator of that cluster, then its pods, which get new identities. To restart the other clusters' agents does not help.",
  },
  "ipsec-key-content": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "Nodes of two clusters use IPsec keys of one id, and cannot decrypt what the other cluster sends (XfrmInStateProtoError): the keys have the same id and another content, for example because the Secret was made in each cluster separately. Within each cluster all is well, and so is the control plane.",
    confirm:
      "`cilium-dbg encrypt status` in an agent's pod, or /proc/net/xfrm_stat on its node: XfrmInStateProtoError rises while clients of the other cluster try. Compare a hash of the Secret in both clusters: `kubectl -n kube-system get secret cilium-ipsec-keys -o jsonpath='{.data.keys}' | sha256sum`.",
    remedy: "Give every cluster the same Secret cilium-ipsec-keys, with a new key id, as in a key rotation.",
  },
  "wireguard-key-differs": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "The WireGuard key that a node is announced with is not the one that its agent uses. The private key is kept in /var/run/cilium, so a node that was rebooted makes a new one; if its CiliumNode was not updated since, all other nodes encrypt for the old key and the node drops it. Traffic of pods from and to that node is lost, in its own cluster too. What hosts send is not encrypted without node encryption, so health checks and the control plane are well.",
    confirm:
      "`kubectl get ciliumnode NAME -o jsonpath='{.metadata.annotations}'` against `cilium-dbg encrypt status` in the agent's pod on that node.",
    remedy:
      "Restart the agent of that node: it writes its key into the CiliumNode when it starts. If it cannot, its log says why.",
  },
  "service-address-of-pods": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "The address of a service of one cluster is that of a pod of another cluster. Cilium serves it inside the first cluster, so nothing there reaches that pod: requests to the service's port go to the service, all others are dropped. Usually the service CIDR of a cluster lies on pod CIDRs of another. `suspect` if services are in a pod CIDR of another cluster and no pod has their addresses now.",
    confirm:
      "`kubectl get services -A -o wide` of the cluster that the finding names, against `kubectl get pods -A -o wide` and `kubectl get ciliumnodes -o yaml` of the other; `--service-cluster-ip-range` of the API server.",
    remedy:
      "Service CIDRs and pod CIDRs of all clusters must be disjoint: install one of the clusters with others. Until then, give the service another address (delete it and create it anew).",
  },
  "node-port-not-served": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "A cluster contacts its peer at a node's address at which Cilium serves no NodePort there: nodePort.addresses (`nodeport-addresses`) leaves the address out, or it is not the one that Cilium selects of its device. The node refuses the connection, or does not answer.",
    confirm:
      "`cilium-dbg bpf lb list` in the agent's pod of that node has no entry for the address and the port; `nodeport-addresses` in cilium-config; `cilium-dbg statedb dump`, table node-addresses.",
    remedy:
      "Add the network of the nodes to nodePort.addresses, or remove the value, and restart the agents; or contact the peer at an address that is served.",
  },
  "peer-not-synchronised": {
    layer: "connections",
    severity: "broken",
    meaning:
      "KVStoreMesh or an agent is connected to a peer, and has not read all of one kind of data (nodes, endpoints, identities or services), because the peer's kvstore does not say that it is complete: clustermesh-apiserver of the peer has not written the first whole list. What is there is used; what is missing cannot be told.",
    confirm:
      "`kvstoremesh-dbg status -o json`: `synced`; the keys under `cilium/synced/` in the kvstore of the peer (`clustermesh-apiserver clustermesh-dbg kvstore list`).",
    remedy:
      "Read the log of container apiserver in the peer for what it waits for, correct it, or replace its clustermesh-apiserver. To restart the reading side does not help.",
  },
  "pod-unmanaged": {
    layer: "expected state",
    severity: "broken",
    meaning:
      "A pod has no CiliumEndpoint, and the agent of its node does not know its address: another CNI plugin gave it its network, before Cilium was installed or while its agent was away. It has no identity, so policies take it for the world, and other nodes and clusters have no route by which they know it.",
    confirm:
      "`kubectl get ciliumendpoint -n NAMESPACE NAME` finds none; `cilium-dbg endpoint list` and `cilium-dbg status --all-addresses` in the agent's pod of its node lack it.",
    remedy: "Delete the pod; the one that takes its place is Cilium's.",
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
