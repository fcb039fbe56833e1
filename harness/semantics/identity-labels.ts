/**
 * An identity's labels in one form: `source:key=value`, sorted, without `=` if the value is empty. Agents print them so
 * (`Label.String`, pkg/labels/labels.go@1.20.2); a kvstore has `source:key=value;` (`FormatForKVStore`); a
 * CiliumIdentity has the key with its source, and the value.
 */
export const labelTexts = (labels: readonly (readonly [string, string])[]): string[] =>
  labels.map(([key, value]) => (value === "" ? key : `${key}=${value}`)).sort();

/** The value of such a key in a kvstore. */
export const kvstoreLabels = (value: string): string[] =>
  value
    .split(";")
    .filter((label) => label !== "")
    .map((label) => (label.endsWith("=") ? label.slice(0, -1) : label))
    .sort();

/** The labels of Kubernetes by their keys, without the source. */
export const kubernetesLabels = (labels: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    labels
      .filter((label) => label.startsWith("k8s:"))
      .map((label) => {
        const [key = "", ...value] = label.slice("k8s:".length).split("=");
        return [key, value.join("=")];
      }),
  );

const clusterLabel = "k8s:io.cilium.k8s.policy.cluster=";

/** The cluster that the labels name; undefined if they name none. */
export const clusterOfLabels = (labels: readonly string[]): string | undefined =>
  labels.find((l) => l.startsWith(clusterLabel))?.slice(clusterLabel.length);

const namespaceLabel = "k8s:io.kubernetes.pod.namespace=";

/** The namespace that the labels name; undefined if they name none. */
export const namespaceOfLabels = (labels: readonly string[]): string | undefined =>
  labels.find((l) => l.startsWith(namespaceLabel))?.slice(namespaceLabel.length);

/**
 * How many lower bits of an identity are the number within its cluster: 16, or 15 where 511 clusters may be connected
 * (`initClusterIDShift`, pkg/identity/numericidentity.go:359@1.20.2).
 */
export const identityBits = (maxConnectedClusters: number): number =>
  maxConnectedClusters === 511 ? 15 : 16;

/** The cluster id in an identity's upper bits; 0 for reserved ones. */
export const clusterIdOf = (identity: number, maxConnectedClusters: number): number =>
  identity >>> identityBits(maxConnectedClusters);
