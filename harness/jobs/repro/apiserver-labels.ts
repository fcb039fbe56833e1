/** What the chart labels the pods and the Service of clustermesh-apiserver with (templates/clustermesh-apiserver@1.20.2). */
export const apiserverLabels: Readonly<Record<string, string>> = {
  "k8s-app": "clustermesh-apiserver",
  "app.kubernetes.io/name": "clustermesh-apiserver",
  "app.kubernetes.io/part-of": "cilium",
};
