import type { FindingKind } from "./kind.ts";

/** Settings of a cluster, alone and against the others, and the connections between them. */
export const configurationKinds = {
  "setting-differs": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "Clusters of a mesh differ in a setting that must have one value in all of them: routing mode, tunnel protocol and port, underlay, the maximum of connected clusters, encryption, the port of health checks. Differences in MTU, identity-relevant labels, address families and identity allocation are allowed and reported as suspect. What a CiliumNodeConfig gives to every node of a cluster counts like its ConfigMap. The table is `harness/semantics/mesh-settings.ts`, with the source of each rule.",
    confirm:
      "`kubectl -n kube-system get configmap cilium-config -o yaml` in each cluster; compare the key that the finding names.",
    remedy:
      "Choose one value, set it in the Helm values of every cluster, and restart agents, operator and clustermesh-apiserver. `max-connected-clusters` cannot be changed on a live cluster. Where all agents still run with one value, somebody changed a ConfigMap after they started: the finding has the commands that set it back.",
  },
  "agents-not-restarted": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "An agent runs with a setting that cilium-config no longer has: agents read it when they start, and it was changed afterwards. Where agents differ, those that were restarted since do not understand the others, though the ConfigMaps of all clusters are equal. It is compared with the copy that was made when the agent's pod started and, in archives, with the tunnel device of its node. Where all agents still agree, the finding is suspect: the next one that starts will differ.",
    confirm:
      "`ip -d link show type vxlan` (or `geneve`) on each node: `dstport` is the port in use. `grep -r . /tmp/cilium/config-map` in an agent's pod, against `kubectl -n kube-system get configmap cilium-config -o yaml`.",
    remedy:
      "Restart the agents of every cluster that the finding names. With the Helm value rollOutCiliumPods an upgrade does so itself. If the value comes from a CiliumNodeConfig that selects the node, remove it there.",
  },
  "node-config-differs": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "A CiliumNodeConfig gives the agents of the nodes that it selects a value that must be the same on every node of the mesh, for example a tunnel port that a migration used, or a name or id of the cluster that the other nodes do not have. The ConfigMaps of all clusters are equal, and a restart does not help: the override is read again. Of several that select a node, the last by name wins. Where it was not seen what an agent runs with, as for most settings in a sysdump, it is taken to have what the CiliumNodeConfig says; whether daemon.blockedConfigOverrides keeps a key from being overridden is not judged. It is suspect where the agents have not started since.",
    confirm:
      "`kubectl get ciliumnodeconfigs -A -o yaml` shows the value and the nodes; `ip -d link show cilium_vxlan` on such a node shows the port in use.",
    remedy:
      "Remove the value from the CiliumNodeConfig, or the whole object, and restart the agents of the nodes that it selects.",
  },
  "endpoints-disabled": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "CiliumEndpoints are turned off in a cluster of a mesh (`disable-endpoint-crd`, Helm value disableEndpointCRD), and none of its pods has one. clustermesh-apiserver reads the addresses of pods from them, so it exports no pod: other clusters take these pods for world, and so do the other nodes of their own cluster. The chart refuses disableEndpointCRD beside clustermesh-apiserver; it does not look at extraConfig, a ConfigMap that was edited, or a CiliumNodeConfig. Agents without a kvstore ignore the setting as long as network policies are on, so where any of these pods has a CiliumEndpoint, there is no such finding. With identities in a kvstore, agents write addresses there themselves, and nothing is wrong.",
    confirm:
      "`kubectl -n kube-system get configmap cilium-config -o jsonpath='{.data.disable-endpoint-crd}'`; `kubectl get ciliumendpoints -A` is empty; `cilium-dbg config -a` in an agent's pod has DisableCiliumEndpointCRD true.",
    remedy:
      "Set disableEndpointCRD to false and take `disable-endpoint-crd` out of extraConfig and of CiliumNodeConfigs, then restart the agents, which write the CiliumEndpoints of running pods; no pod has to be deleted.",
  },
  "ipsec-key-differs": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "Clusters use IPsec keys of different ids, so they cannot decrypt each other's packets. A key rotation must be applied to all clusters.",
    confirm: "`kubectl get ciliumnodes -o jsonpath='{.items[*].spec.encryption.key}'` in each cluster.",
    remedy: "Give every cluster the same Secret cilium-ipsec-keys.",
  },
  "cilium-versions-apart": {
    layer: "configuration",
    severity: "suspect",
    meaning:
      "The Cilium versions of two clusters are more than one minor release apart, which Cilium does not support.",
    confirm: "`cilium version` in each cluster.",
    remedy: "Upgrade the older cluster one minor release at a time.",
  },
  "native-routing-cidr": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "In native routing mode, the native routing CIDR of a cluster does not cover another cluster's pods, so packets to them are masqueraded: they arrive with a node's address, and policies do not know their source. What ip-masq-agent leaves alone is not masqueraded either; its list is in no archive, so its default is assumed. The finding is suspect where that list, `egress-masquerade-interfaces` or a CiliumNodeConfig may make it otherwise.",
    confirm:
      "Compare `ipv4-native-routing-cidr` in cilium-config with the pod CIDRs in `kubectl get ciliumnodes -o wide` of the others; with ip-masq-agent, `cilium-dbg bpf ipmasq list` in an agent's pod.",
    remedy: "Set ipv4NativeRoutingCIDR to a range that covers the pods of all clusters.",
  },
  "cluster-name-invalid": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "Cilium refuses the name of a cluster: at most 32 lower-case letters, digits and dashes, and not `default`.",
    confirm: "`cluster-name` in cilium-config; the log of an agent says why it stops.",
    remedy:
      "Give the cluster another name (Helm value cluster.name) and restart every pod of it: identities hold the name.",
  },
  "cluster-name-twice": {
    layer: "configuration",
    severity: "broken",
    meaning: "Two clusters of a mesh have one name.",
    confirm: "`cluster-name` in cilium-config of each cluster.",
    remedy: "Give each cluster a unique name (Helm value cluster.name).",
  },
  "cluster-id-invalid": {
    layer: "configuration",
    severity: "broken",
    meaning: "A cluster's id is 0, too large, or one that its IPAM mode cannot use.",
    confirm: "`cluster-id` in cilium-config.",
    remedy: "Give it a unique id from 1 to 255 (Helm value cluster.id); with ENI, from 1 to 127.",
  },
  "cluster-id-changed": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "The configured id of a cluster is not the one in the identities of its endpoints, so peers file them under another cluster.",
    confirm:
      "`kubectl get ciliumidentities`: an identity divided by 65,536 (32,768 where 511 clusters may be connected) is the id.",
    remedy:
      "Set the id back as the finding says, or restart every pod of the cluster so that all get new identities.",
  },
  "cluster-id-twice": {
    layer: "configuration",
    severity: "broken",
    meaning: "Two clusters of a mesh have one id, so their identities collide.",
    confirm: "`cluster-id` in cilium-config of each cluster.",
    remedy: "Give each cluster a unique id.",
  },
  "cluster-id-outdated": {
    layer: "configuration",
    severity: "broken",
    meaning: "A cluster knows its peer by another id than the peer's own configuration has.",
    confirm: "`cilium-dbg status --verbose`, section ClusterMesh, against `cluster-id` of the peer.",
    remedy: "Restart clustermesh-apiserver of the peer.",
  },
  "peer-unknown": {
    layer: "configuration",
    severity: "broken",
    meaning: "A cluster is configured with a peer whose name no cluster has.",
    confirm:
      "The keys of the Secrets cilium-clustermesh and cilium-kvstoremesh against `cluster-name` of the peers.",
    remedy:
      "Use the peer's own name in clustermesh.config.clusters. Helm does not remove a key that it did not write, so the finding removes the wrong one from the Secret.",
  },
  "peer-missing": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "The agents or KVStoreMesh of a cluster are not told of another cluster, so they never connect to it.",
    confirm:
      "`kubectl -n kube-system get secret cilium-clustermesh cilium-kvstoremesh -o jsonpath='{.data}'`: one key for each peer in both. Where KVStoreMesh is switched off, or agents connect to the peer themselves, the first is enough.",
    remedy:
      "Where clustermesh.config.clusters names the peer, `helm upgrade` writes the entry anew; otherwise add it there, or use `cilium clustermesh connect`. Then restart clustermesh-apiserver and the agents. Secrets made by another tool need both names.",
  },
  "apiserver-without-address": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "clustermesh-apiserver's service is of type LoadBalancer and has no address, and a peer is not connected to it. Cilium's Node IPAM assigns none if every node has the label that excludes it from load balancers; a provider's controller says in the service's events why it makes none, for example because it has no session affinity.",
    confirm:
      "`kubectl -n kube-system get service clustermesh-apiserver`: EXTERNAL-IP is `<pending>`; its events, by `describe`.",
    remedy:
      "Correct what the events say; with `unsupported load balancer affinity`, set clustermesh.apiserver.service.enableSessionAffinity to Never. Otherwise give Cilium a pool of addresses, or see why the provider's controller or Node IPAM assigns none; or use a NodePort.",
  },
  "apiserver-not-announced": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "The load balancer's address of clustermesh-apiserver is to be announced by Cilium, by BGP or by L2 announcements, and no node does. With the BGP control plane: no CiliumBGPAdvertisement of type Service, and no CiliumBGPPeeringPolicy, selects the service. With L2 announcements: no CiliumL2AnnouncementPolicy selects the service or a node, its `interfaces` match no device of the node that was elected, L2 announcements are off, or no node holds the lease. The service has its address and answers inside its own cluster; other clusters get `no route to host` or a timeout. Where nobody is known to contact it in vain, the finding is suspect.",
    confirm:
      "`kubectl get ciliumbgpadvertisements -o yaml` against `kubectl -n kube-system get service clustermesh-apiserver --show-labels`, and `cilium-dbg bgp routes advertised ipv4 unicast`; `kubectl get ciliuml2announcementpolicies -o yaml`; the lease `cilium-l2announce-kube-system-clustermesh-apiserver` in kube-system; `cilium-dbg shell -- db/show l2-announce` (or `cilium-dbg statedb l2-announce`) in the agent's pod of its holder is empty.",
    remedy:
      "Give the service the label that the BGP advertisement selects (Helm value clustermesh.apiserver.service.labels), or correct the L2 policy as the finding says: `interfaces` are regular expressions for names of devices, and without them every device counts; `loadBalancerIPs` must be true.",
  },
  "apiserver-source-ranges": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "`loadBalancerSourceRanges` of clustermesh-apiserver's service leave out the addresses that a peer comes from, so its connections are dropped without an answer. By default pods are masqueraded when they contact another cluster, so KVStoreMesh comes from the address of its node, not of its pod. Clients inside the own cluster are not checked. Where the peer is connected all the same, the finding is suspect.",
    confirm:
      "`kubectl -n kube-system get service clustermesh-apiserver -o jsonpath='{.spec.loadBalancerSourceRanges}'` against `kubectl get nodes -o wide` of the peer; `cilium-dbg bpf lb list --source-ranges`; `cilium-dbg monitor --type drop` on a node: not in source range.",
    remedy:
      "Add the addresses of the peer's nodes (its pods', where it does not masquerade) to clustermesh.apiserver.service.loadBalancerSourceRanges.",
  },
  "peer-port": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "A cluster contacts its peer at a port where the peer's clustermesh-apiserver does not listen. A node port changes when its service is created anew.",
    confirm:
      "`kubectl -n kube-system get service clustermesh-apiserver` of the peer, against the entry in Secret cilium-kvstoremesh.",
    remedy: "Set the port that the finding names in clustermesh.config.clusters.",
  },
  "peer-address": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "A cluster contacts its peer at an address that is no longer the peer's. A LoadBalancer's or node's address changes when it is created anew.",
    confirm:
      "`kubectl -n kube-system get service clustermesh-apiserver` and `kubectl get nodes -o wide` of the peer, against the entry in Secret cilium-kvstoremesh and the hostAliases of clustermesh-apiserver.",
    remedy: "Set the address that the finding names in clustermesh.config.clusters.",
  },
  "peer-address-own": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "The address and port by which a cluster contacts its peer are also those of a service of its own, for example because the load balancers of both clusters hand out addresses of one pool. Cilium serves such an address inside the cluster, so the peer is never reached; where the service is the own clustermesh-apiserver, the cluster reads itself.",
    confirm:
      "`kubectl get services -A -o wide` in the cluster that the finding names; `cilium-dbg service list` in an agent's pod lists the address.",
    remedy:
      "Give one of the two services another address, and both clusters pools that do not overlap. Then correct clustermesh.config.clusters if the peer's address changed.",
  },
  "node-address-twice": {
    layer: "configuration",
    severity: "broken",
    meaning: "Nodes of two clusters have one address, so packets for one arrive at the other.",
    confirm: "`kubectl get nodes -o wide` of each cluster.",
    remedy:
      "Node addresses must be unique across clusters. Where a CiliumNode has another address than its own Node, the finding has the command that puts it right.",
  },
  "pod-cidr-overlap": {
    layer: "configuration",
    severity: "broken",
    meaning: "Pod CIDRs of two nodes overlap, so two pods may have one address.",
    confirm: "`kubectl get ciliumnodes -o wide` of each cluster.",
    remedy:
      "Install one of the clusters with other pod CIDRs; with IPAM multi-pool, another CiliumPodIPPool is enough. Where a CiliumNode has another CIDR than its own Node, the finding has the command that puts it right.",
  },
  "no-service-proxy": {
    layer: "configuration",
    severity: "broken",
    meaning:
      "Neither Cilium nor kube-proxy serves NodePort and LoadBalancer services of a cluster, so peers cannot reach its clustermesh-apiserver.",
    confirm:
      "`kube-proxy-replacement` in cilium-config, and `kubectl -n kube-system get daemonset kube-proxy`.",
    remedy: "Set kubeProxyReplacement to true, or install kube-proxy.",
  },
  "certificate-expired": {
    layer: "connections",
    severity: "broken",
    meaning:
      "A certificate of the mesh has expired. The finding says whose: a server's is presented by the peer's etcd, a client's by the side that connects.",
    confirm:
      "`kubectl -n kube-system get secret NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -dates`, and `clustermesh-apiserver kvstoremesh-dbg troubleshoot`.",
    remedy:
      "Renew it by its method: `helm upgrade`, the job clustermesh-apiserver-generate-certs, or cert-manager. Then restart clustermesh-apiserver.",
  },
  "certificate-missing": {
    layer: "connections",
    severity: "broken",
    meaning:
      "Agents or KVStoreMesh lack a file with a certificate or its key, so they connect to no peer whose entry names it. The Secrets that hold them are optional for the pods, which run without. `local-etcd-client` is what agents show to clustermesh-apiserver of their own cluster where KVStoreMesh is on, and is of Secret clustermesh-apiserver-local-cert; `common-etcd-client` is what is shown to peers, of clustermesh-apiserver-remote-cert. Who is connected stays so until the connection ends; then the finding is suspect.",
    confirm:
      "`kubectl -n kube-system get secrets` lacks the Secret; the log says `Waiting for all etcd configuration files to be available`.",
    remedy:
      "Create the Secret with tls.crt, tls.key and ca.crt: Helm does with clustermesh.apiserver.tls.auto, and with certificates of your own it is yours to create. kubelet puts it in place within two minutes, and Cilium looks for it all the time: no restart is needed.",
  },
  "certificate-not-yet-valid": {
    layer: "connections",
    severity: "broken",
    meaning: "A certificate of the mesh is valid only from a later time on, or a node's clock is slow.",
    confirm: "As for an expired certificate; and `date` on the nodes.",
    remedy: "Correct the clock; otherwise renew the certificate.",
  },
  "certificate-untrusted": {
    layer: "connections",
    severity: "broken",
    meaning:
      "A certificate of the mesh is signed by a CA that the other side does not trust. Two installations without a common CA make one each, both named `Cilium CA`.",
    confirm:
      "`kubectl -n kube-system get secret cilium-ca -o jsonpath='{.data.ca\\.crt}' | base64 -d | openssl x509 -noout -fingerprint` in each cluster.",
    remedy:
      "Install all clusters with one CA (copy Secret cilium-ca and renew the certificates), or give each the others' CAs in tls.caBundle.",
  },
  "certificate-user": {
    layer: "connections",
    severity: "broken",
    meaning:
      "The common name of a client certificate is no user of the peer's etcd, which takes it as the user's name: the connection is made, and every request is denied. The user `remote` always exists; with clustermesh.apiserver.tls.authMode `migration` or `cluster` there is also `remote-NAME` for each cluster that the peer's clustermesh.config.clusters names.",
    confirm:
      "`kubectl -n kube-system get secret clustermesh-apiserver-remote-cert -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -subject` in the cluster that connects; `kubectl -n kube-system get configmap clustermesh-remote-users -o yaml` in the peer.",
    remedy:
      "Issue the certificate with CN `remote` (authMode `legacy` and `migration`) or `remote-NAME` (`cluster`), and restart clustermesh-apiserver of the cluster that connects.",
  },
  "certificate-name": {
    layer: "connections",
    severity: "broken",
    meaning:
      "The certificate of a peer's server is issued for other names than the one by which it is contacted.",
    confirm:
      "`openssl x509 -noout -ext subjectAltName` on the server's certificate, against the endpoint in Secret cilium-kvstoremesh.",
    remedy:
      "Contact the peer by one of the names, or add the name to clustermesh.apiserver.tls.server.extraDnsNames or extraIpAddresses and renew the certificate.",
  },
  "peer-unreachable": {
    layer: "connections",
    severity: "broken",
    meaning:
      "KVStoreMesh of a cluster cannot reach a peer's clustermesh-apiserver: no TCP connection, or no answer on it.",
    confirm:
      "`kubectl -n kube-system exec deploy/clustermesh-apiserver -c kvstoremesh -- clustermesh-apiserver kvstoremesh-dbg troubleshoot`.",
    remedy:
      "Check the peer's service, its port, and firewalls and policies in between. A cluster that is gone for good is removed from clustermesh.config.clusters of every other one.",
  },
  "peer-lost": {
    layer: "connections",
    severity: "broken",
    meaning:
      "No cluster that has an entry for a peer reaches it, and no data of the peer itself was supplied. It is down or cut off from all of them, or it was taken down and its entries were left behind. Nothing is wrong between the other clusters because of it; their readers stay not ready for the peer. What each of them says follows.",
    confirm:
      "`kubectl -n kube-system exec deploy/clustermesh-apiserver -c kvstoremesh -- clustermesh-apiserver kvstoremesh-dbg troubleshoot` in each cluster; whether the peer's API server and the address of its entry answer at all.",
    remedy:
      "If the cluster is gone for good, remove it from clustermesh.config.clusters in the Helm values of every other cluster, and upgrade their releases. Otherwise repair its clustermesh-apiserver or the network to it, and supply its sysdump too.",
  },
  "peer-name-unresolved": {
    layer: "connections",
    severity: "broken",
    meaning: "The host name of a peer's endpoint cannot be resolved.",
    confirm: "As for an unreachable peer.",
    remedy: "Check hostAliases of clustermesh-apiserver, and the addresses in clustermesh.config.clusters.",
  },
  "peer-not-ready": {
    layer: "connections",
    severity: "broken",
    meaning:
      "KVStoreMesh or an agent is not ready for a peer, or its last word about the connection was an error.",
    confirm:
      "`cilium-dbg status --all-clusters` in an agent's pod; `kvstoremesh-dbg status` in clustermesh-apiserver.",
    remedy: "Follow the findings before this one; otherwise `cilium-dbg troubleshoot clustermesh`.",
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
