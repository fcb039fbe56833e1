/** Labels that Cilium's chart gives its pods in kube-system. */
export const agentSelector = "k8s-app=cilium";
/** clustermesh-apiserver with its etcd and KVStoreMesh. */
export const apiserverSelector = "k8s-app=clustermesh-apiserver";
export const operatorSelector = "io.cilium/app=operator";
/** kubeadm's labels. */
export const corednsSelector = "k8s-app=kube-dns";
