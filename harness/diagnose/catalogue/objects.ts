import type { FindingKind } from "./kind.ts";

/** Services, policies, and what agents and kvstores hold of them. */
export const objectKinds = {
  "path-too-narrow": {
    layer: "size",
    severity: "broken",
    meaning:
      "Small requests to a node or its health endpoint are answered, and larger ones are not: a hop between the nodes carries only smaller packets than the nodes send, and no `packet too big` comes back. Handshakes and health checks pass; connections hang when they send data.",
    confirm:
      "`ping -M do -s SIZE ADDRESS` from a node, with growing sizes; the MTU of every hop, tunnels, VPNs and bridges among them.",
    remedy:
      "Raise the MTU of the hop: where the nodes are containers of this machine, the finding names the link and has the command. Otherwise set `MTU` in the Helm values of every cluster to what the path carries, and restart the agents.",
  },
  "state-differs": {
    layer: "expected state",
    severity: "broken",
    meaning:
      "An API server, a kvstore, KVStoreMesh's copy, an agent or a BPF map holds something else than the step before it. The step that is named is the first at which the entry is wrong.",
    confirm:
      "`kubectl get ciliumendpoints,ciliumnodes,ciliumidentities -A`; `kvstore list` in clustermesh-apiserver; `cilium-dbg node list`, `identity list`, `bpf ipcache list` and `bpf lb list` in the agent's pod.",
    remedy: "Restart what holds the wrong entry, as the finding says: it writes its part anew.",
  },
  leftover: {
    layer: "leftovers",
    severity: "broken",
    meaning: "Something of a cluster, node or pod that is gone is still held.",
    confirm: "The object that the finding names, and the absence of its owner.",
    remedy: "Delete it, or restart what holds it, as the finding says.",
  },
  "service-without-counterpart": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A service is global in one cluster, and another cluster has no service of that name and namespace. Its clients there cannot resolve the name: a global service must be defined in every cluster that uses it.",
    confirm: "`kubectl get service NAME -n NAMESPACE` in each cluster.",
    remedy:
      "Apply the same Service there, in a namespace of the same name; the finding has commands that create it with the selector, ports and annotations of the first. Or export it with a ServiceExport, where the MCS API is on.",
  },
  "service-other-namespace": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A global service exists in another cluster in another namespace. Cilium joins services by name and namespace, so these are two services.",
    confirm: "`kubectl get service -A | grep NAME` in each cluster.",
    remedy: "Use one namespace name in all clusters.",
  },
  "service-port-names": {
    layer: "services",
    severity: "broken",
    meaning:
      "A global service gives one port different names in two clusters. A named port takes only backends whose port has the same name, so neither cluster uses the other's backends for it.",
    confirm:
      "`kubectl get service NAME -n NAMESPACE -o jsonpath='{.spec.ports}'` in each cluster; `cilium-dbg service list` shows no backend of the other cluster.",
    remedy:
      "Give the port one name in all clusters; any of them will do, and the finding takes the first cluster's.",
  },
  "service-ports": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A global service has a port in one cluster that it does not have in another, so a client that uses it there is refused.",
    confirm: "`kubectl get service NAME -n NAMESPACE -o jsonpath='{.spec.ports}'` in each cluster.",
    remedy: "Define the same ports in all clusters.",
  },
  "service-global-nowhere": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A service of one name is in several clusters, and neither global nor exported in any: each cluster uses its own backends only. Services of type ExternalName have none and do not count.",
    confirm: "The annotations of the service in each cluster.",
    remedy: 'If it should be global, annotate it in every cluster with service.cilium.io/global: "true".',
  },
  "service-global-in-part": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A service is global in one cluster and not in another. The latter neither uses other backends nor shares its own. If it has no ready backend of its own, its clients have none, and the finding is `broken`.",
    confirm: "The annotations of the service in each cluster.",
    remedy: "Annotate it in every cluster.",
  },
  "service-not-shared": {
    layer: "services",
    severity: "suspect",
    meaning: "A global service does not share its backends with other clusters.",
    confirm: "The annotation service.cilium.io/shared.",
    remedy: "Remove the annotation, if the backends should be shared. Any value but `true` means no.",
  },
  "service-namespace-not-global": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A global service is in a namespace that its cluster does not share, so its backends are not exported.",
    confirm:
      "The annotation clustermesh.cilium.io/global of the namespace, and clustermesh-default-global-namespace in cilium-config.",
    remedy: 'Annotate the namespace with clustermesh.cilium.io/global: "true".',
  },
  "service-annotation-value": {
    layer: "services",
    severity: "suspect",
    meaning:
      "An annotation of a service has a name or value that this version of Cilium does not understand, or reads otherwise than it looks, or it is a label, which Cilium does not read. If a service without a ready backend of its own is not global because of it, its clients have none, and the finding is `broken`.",
    confirm:
      "`kubectl get service NAME -n NAMESPACE -o jsonpath='{.metadata.annotations}{.metadata.labels}'`; `cilium-dbg service list` shows no backend of another cluster.",
    remedy:
      "Use the annotation or the value that the finding names, or upgrade to the version that it names.",
  },
  "service-left-alone": {
    layer: "services",
    severity: "broken",
    meaning:
      "A global service has a label for which Cilium of its cluster does not serve it. With service.kubernetes.io/service-proxy-name, another program is to serve it: agents, operator and clustermesh-apiserver read only services with the value of k8s-service-proxy-name (none, by default, which is: without the label), so nothing of it is exported, and no backend of other clusters is used. With service.kubernetes.io/headless, whatever its value, agents do not serve its ClusterIP, and only its export remains. Where cilium-config was not read, the finding is suspect.",
    confirm:
      "`kubectl get service NAME -n NAMESPACE --show-labels`; k8s-service-proxy-name in cilium-config; `cilium-dbg service list` lacks its ClusterIP.",
    remedy:
      "Remove the label, or give it the value of k8s-service-proxy-name, as the finding's command does. If the other program is meant, remove the annotation that makes the service global.",
  },
  "service-dns-global": {
    layer: "services",
    severity: "suspect",
    meaning:
      "The DNS service of several clusters, kube-dns for example, is global in them, so pods ask the DNS pods of another cluster too. These answer for the Services of their own API server: the ClusterIP in the answer is another cluster's, or the name does not exist, and requests by name fail now and then. With affinity `local` only while a cluster has no DNS pod of its own that is ready.",
    confirm:
      "`kubectl get service kube-dns -n kube-system -o yaml` in each cluster; `cilium-dbg service list` shows DNS pods of other clusters behind its ClusterIP; repeated `nslookup` of one Service gives different answers.",
    remedy:
      "Remove the annotation that makes it global. Global services need none of it: each cluster has a Service of the same name, and its own DNS resolves it. To ask another cluster's DNS for names of that cluster, give its DNS a global service of another name, and forward a domain of that cluster's own to it.",
  },
  "service-without-backend": {
    layer: "services",
    severity: "broken",
    meaning:
      "Clients of a global service in a cluster have no ready backend: none of their own, and none that another cluster shares with them.",
    confirm:
      "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME` in each cluster; `cilium-dbg service list`.",
    remedy: "Correct the selector, or start pods that it selects.",
  },
  "service-target-port": {
    layer: "services",
    severity: "broken",
    meaning:
      "The target port of a global service is a name that no container of its ready pods has with that protocol, for example since a release renamed the port. Kubernetes leaves the port out of the EndpointSlices, so the pods are addresses without a port and no backends, in any cluster. The selector and the pods are right. Where some of the pods have the name, the others get no traffic, and the finding is suspect.",
    confirm:
      "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME` shows endpoints without ports. `kubectl get pods -o jsonpath='{.items[*].spec.containers[*].ports}'` against targetPort of the Service.",
    remedy:
      "Set targetPort to the name or the number of the container's port, or give the container's port that name. A name counts for one protocol only.",
  },
  "service-headless-not-synchronised": {
    layer: "services",
    severity: "broken",
    meaning:
      "A headless service is global, and EndpointSlice synchronisation of a cluster is off, which is the default: its operator writes no EndpointSlices for pods of other clusters, so the cluster's DNS answers with its own pods only. Services with a ClusterIP are not affected, because agents read the mesh themselves.",
    confirm:
      "`clustermesh-enable-endpoint-sync` in cilium-config; `kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME`: none is managed by endpointslice-mesh-controller.cilium.io.",
    remedy:
      "Set clustermesh.enableEndpointSliceSynchronization to true and restart the operator (Cilium 1.16 and later). Where each cluster should resolve its own pods only, annotate the service with service.cilium.io/global-sync-endpoint-slices `false`.",
  },
  "service-backend-without-pod": {
    layer: "services",
    severity: "broken",
    meaning: "An EndpointSlice of a service with a selector holds an address that no pod has.",
    confirm: "The EndpointSlice against `kubectl get pods -o wide`.",
    remedy: "Delete the EndpointSlice; its controller writes it anew.",
  },
  "service-kube-proxy": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A global service has backends in other clusters only, and kube-proxy serves it to some of its clients: Cilium's kube-proxy replacement and its socket load balancing are off. kube-proxy knows nothing of other clusters, so it refuses pods in the host's network, and clients from outside at a NodePort or a load balancer. Other pods are served by Cilium, and reach the backends.",
    confirm:
      "`kube-proxy-replacement` and `bpf-lb-sock` in cilium-config; `kubectl get pods -o wide`: pods with hostNetwork have the address of their node. From such a pod the service's address refuses connections, and from other pods it does not.",
    remedy:
      "For pods in the host's network set socketLB.enabled to true, as the finding does; for NodePorts and load balancers kubeProxyReplacement. Both need a restart of the agents.",
  },
  "service-backends-not-ready": {
    layer: "services",
    severity: "broken",
    meaning: "The pods of a global service in a cluster are there, and none is ready.",
    confirm: "`kubectl get pods` with the service's selector, and their events.",
    remedy: "Correct what the events or the readiness probes show.",
  },
  "service-scaled-to-zero": {
    layer: "services",
    severity: "broken",
    meaning: "The workload of a global service has no replicas in a cluster.",
    confirm: "`kubectl get deployment -n NAMESPACE`.",
    remedy: "Scale it up, if this cluster should serve.",
  },
  "service-without-address": {
    layer: "services",
    severity: "broken",
    meaning:
      "A service of type LoadBalancer has no address, so peers cannot reach it. In a cluster without a pool of addresses, in which no service has one, nothing assigns them, and the finding is not made.",
    confirm: "`kubectl get service NAME -n NAMESPACE`.",
    remedy: "Check the operator and the pools of addresses, or what else assigns addresses.",
  },
  "workload-pod-cannot-start": {
    layer: "services",
    severity: "suspect",
    meaning:
      "A pod of a user cannot start; Kubernetes' events say what is missing. Where it is a global service's, that cluster has fewer backends.",
    confirm: "`kubectl describe pod NAME`: the events at the end.",
    remedy: "Create the object that is named, or correct its name in the pod.",
  },
  "policy-shuts-off-apiserver": {
    layer: "policies",
    severity: "broken",
    meaning:
      "A network policy selects clustermesh-apiserver, and no policy lets other clusters in (or out to them). Their KVStoreMesh arrives from a node of another cluster, as remote-node or world, which no selector of pods covers. A connection that exists may last for a while.",
    confirm:
      "`kubectl get networkpolicy,ciliumnetworkpolicy -A` and `kubectl get ciliumclusterwidenetworkpolicy`; `cilium-dbg monitor --type drop` on the node of clustermesh-apiserver.",
    remedy:
      "Delete the policy, or allow TCP 2379 to pods k8s-app=clustermesh-apiserver from the entities world and remote-node.",
  },
  "policy-shuts-off-node": {
    layer: "policies",
    severity: "broken",
    meaning:
      "A policy of the host firewall (a CiliumClusterwideNetworkPolicy with a nodeSelector) selects nodes and lets neither nodes of other clusters through nor the UDP port of tunnels (or of WireGuard), in one direction. Encapsulated packets are traffic of the node itself, so pods on it are cut off from other clusters, both ways, while the control plane stays connected. Nodes of the mesh are the entity remote-node, in every cluster: CIDRs and the entity `world` do not mean them. Where health checks do not show that it is so, the finding is suspect.",
    confirm:
      "`kubectl get ciliumclusterwidenetworkpolicy -o yaml` against the labels of the node; `cilium-dbg monitor --type drop` on it: Policy denied, from or to remote-node, UDP 8472 (VXLAN), 6081 (Geneve) or 51871 (WireGuard).",
    remedy:
      "Allow the entity remote-node in the policy, as the finding does, or at least that UDP port, TCP 4240 and ICMP with it.",
  },
  "policy-shuts-off-health": {
    layer: "policies",
    severity: "broken",
    meaning:
      "A clusterwide policy selects the health endpoints and lets no remote node in, or one of the host firewall selects nodes and does not let TCP 4240 through, so health checks between nodes fail although traffic may pass.",
    confirm:
      "`kubectl get ciliumclusterwidenetworkpolicy`; `cilium-health status`: the nodes answer, their endpoints do not, or the other way round.",
    remedy:
      "Leave reserved:health out of the selector, or allow fromEntities remote-node to endpoints labelled reserved:health. In a policy with a nodeSelector allow TCP 4240 from and to the entity remote-node.",
  },
  "policy-own-cluster-only": {
    layer: "policies",
    severity: "suspect",
    meaning:
      "A peer of a policy names no cluster. With policy-default-local-cluster, the default since Cilium 1.19, it selects pods of the policy's own cluster only; so does a service in toServices, where no cluster can be named. A global service brings requests from or to pods of another cluster that have these labels, and they are dropped. Policies that were written for an older version had meant every cluster. The entity `cluster` means the own cluster in every version.",
    confirm:
      "`policy-default-local-cluster` in cilium-config; `cilium-dbg monitor --type drop` on the nodes of the pods that the policy selects: Policy denied, with an identity of the other cluster.",
    remedy:
      "If the other cluster's pods are meant too, name the clusters: add the key io.cilium.k8s.policy.cluster to the peer's matchExpressions, as the finding does; beside toServices, a rule with toEndpoints, the service's selector and that key. clustermesh.policyDefaultLocalCluster `false` changes every policy of the cluster.",
  },
  "policy-denies-other-cluster": {
    layer: "policies",
    severity: "suspect",
    meaning:
      "A policy denies every pod of another cluster what a policy allows them towards a global service, or its backends there. A denial goes before what is allowed, whichever policy has it, so nothing remains of the latter. It may be meant, but then the service should not send requests there. Where a policy allows it to everybody, it is reported only if the cluster of the clients has no ready backend of its own.",
    confirm:
      "`kubectl get ciliumnetworkpolicies,ciliumclusterwidenetworkpolicies -A -o yaml`: ingressDeny and egressDeny; `cilium-dbg bpf policy get ENDPOINT` on the node of a pod that the policy selects: Deny with identities of the other cluster.",
    remedy:
      "Leave out of the denial who is meant to use the service, for example by the key io.cilium.k8s.policy.cluster in its selector; or remove what allows it, and keep the service from sending requests there.",
  },
  "policy-authentication": {
    layer: "policies",
    severity: "broken",
    meaning:
      "A policy lets pods of another cluster through to a global service, or to its backends there, on condition of mutual authentication (`authentication` with mode `required`). Clusters of a mesh have no common trust domain, so no pod of another cluster can be authenticated, and all that the rule lets through between clusters is dropped. Within the cluster it works.",
    confirm:
      "`cilium-dbg monitor --type drop` on the nodes of the pods that the policy selects: Authentication required; their agents log `Failed to authenticate request` with the identity of the other cluster.",
    remedy:
      "Take the condition off what is between clusters, as the finding does; where a rule means pods of the own cluster too, write it twice and name the clusters. WireGuard or IPsec encrypts between clusters.",
  },
  "policy-namespace-label": {
    layer: "policies",
    severity: "suspect",
    meaning:
      "A policy selects peers of other clusters by a label of their namespace. The namespace of that name has the label in the policy's cluster and lacks it in another cluster, so no pod of it there is selected, and a global service does not work between the two. Labels of namespaces are part of identities, and are not shared between clusters.",
    confirm:
      "`kubectl get namespace NAME --show-labels` in both clusters; `kubectl get ciliumidentities -o yaml`: keys that begin with io.cilium.k8s.namespace.labels.",
    remedy:
      "Label the namespace in the other cluster too, as the finding's command does; its pods get other identities within seconds. Or select by a label of the pods, or by the namespace's name.",
  },
  "policy-refused": {
    layer: "policies",
    severity: "broken",
    meaning:
      "Agents refuse a policy because of their version or of a setting, although the API server has taken it, for example fromNodes or toNodes without enable-node-selector-labels, or rules for HTTP or DNS without enable-l7-proxy. Other refusals are read from the logs of agents; of a policy that was changed since, such a finding is suspect. An agent refuses a policy as a whole: nothing that it allows or denies has an effect, and pods that no other policy selects are open.",
    confirm:
      "The log of an agent has the error with the policy's name; `cilium-dbg policy get` in the agent's pod lacks its rules.",
    remedy:
      "Set what the policy needs and restart the agents, or write it without that part, as the finding's commands do. To delete it changes no traffic.",
  },
  "policy-cidr-of-pods": {
    layer: "policies",
    severity: "broken",
    meaning:
      "A policy means pods of a cluster of the mesh by their pod CIDR (fromCIDR, toCIDR, their sets with their CiliumCIDRGroups, or an ipBlock). Pods have identities, and CIDR rules apply to addresses without one only, so the rule selects none of them, in its own cluster or in another. It is suspect where the pods that it would select are not known, and not reported where other rules let the same connections through.",
    confirm:
      "`cilium-dbg bpf ipcache get ADDRESS` of such a pod shows its own identity and not one of a CIDR; `cilium-dbg monitor --type drop` on the nodes of the pods that the policy selects.",
    remedy:
      "Select the pods by their labels: fromEndpoints or toEndpoints with io.cilium.k8s.policy.cluster for the other cluster's, as the finding does for all its pods. From Cilium 1.20 on, policy-cidr-match-mode `pods` lets CIDR rules select pods, at the cost of many identities.",
  },
  "policy-cidr-group-missing": {
    layer: "policies",
    severity: "suspect",
    meaning:
      "A policy means addresses by a CiliumCIDRGroup (cidrGroupRef or cidrGroupSelector in fromCIDRSet or toCIDRSet) and no such group exists in its cluster: groups are not shared in a mesh. The entry means no address, so a rule without another peer lets nobody through, or denies nobody, and Cilium reports no error. Where groups exist, their CIDRs are judged like those of a policy; where they were not read, what they mean is named as unread.",
    confirm:
      "`kubectl get ciliumcidrgroups --show-labels` in the policy's cluster; `cilium-dbg policy selectors` shows a selector without identities.",
    remedy: "Create the group in that cluster too, or correct its name or labels in the policy.",
  },
  "policy-label-left-out": {
    layer: "policies",
    severity: "broken",
    meaning:
      "A policy selects pods by a label that they have in Kubernetes and that their identities lack, because the setting labels of their cluster leaves it out: with one inclusive pattern, every label that no pattern includes. Other clusters take identities as they are, so it is the filter of the pods' own cluster that decides, whatever the policy's cluster keeps. Some labels, such as statefulset.kubernetes.io/pod-name, are left out by default.",
    confirm:
      "`kubectl get ciliumidentities -o yaml`, at security-labels, against the labels of the pods; `labels` in cilium-config of their cluster; `cilium-dbg policy selectors` shows a selector without identities.",
    remedy:
      "Add the label to the setting of the pods' cluster, use one setting in all clusters, and restart the agents and then the pods, which get new identities; or select by a label that is kept.",
  },
  "policy-host-network-pods": {
    layer: "policies",
    severity: "broken",
    meaning:
      "A policy means pods with hostNetwork by their labels, as its own pods or as peers. Such a pod has the identity of its node (host on the same node, else remote-node, for nodes of every cluster of the mesh) and none of its labels, so no selector of endpoints selects it: what a rule allows it is dropped, and a denial or a policy of its own does not apply to it. Selectors that select other pods too are not reported, nor connections that another rule lets through. It is suspect for denials, for policies that are about such pods alone, and for clients of the policy's own cluster, which get in on their own node.",
    confirm:
      "`kubectl get pods -o wide`: such a pod has the address of its node; `cilium-dbg bpf ipcache get ADDRESS` shows remote-node (6) or host (1); `cilium-dbg monitor --type drop` on the nodes of the pods that the policy selects: Policy denied, from or to remote-node.",
    remedy:
      "Allow the entity remote-node (of the own cluster also host) at the same ports, as the finding does: it means every node. With nodeSelectorLabels, fromNodes and toNodes select nodes by their labels. To restrict pods with hostNetwork, use the host firewall.",
  },
  "policy-denies-all": {
    layer: "policies",
    severity: "suspect",
    meaning: "A policy denies all traffic of the pods that it selects, in one direction.",
    confirm: "The policy; `cilium-dbg monitor --type drop`.",
    remedy: "Delete it, if it is not intended.",
  },
  unread: {
    layer: "evidence",
    severity: "unread",
    meaning:
      "Something could not be read, is missing although it was expected, or is cut off before its end, so it is not judged, and nothing says that it is healthy.",
    confirm: "The reason is in the finding.",
    remedy: "Run `diagnose` again, or supply the missing archive or file.",
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
