// Commands to paste that repair something; remedy-commands.ts reads them back.
import semver from "semver";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";

export const apiserver = "deployment/clustermesh-apiserver";
export const operator = "deployment/cilium-operator";
export const agents = "daemonset/cilium";

/** For a command of a finding that is another cluster's. */
export const inCluster = (command: string, { name }: Pick<ClusterSnapshot, "name">): string =>
  `${command} in ${name}`;

export const restart = (cluster: ClusterSnapshot, ...workloads: readonly string[]): string =>
  kubectl(ciliumNamespace(cluster), "rollout", "restart", ...workloads);

/** An agent writes its maps and its CiliumNode anew when it starts. */
export const restartAgent = (cluster: ClusterSnapshot, node: string): string =>
  kubectl(
    ciliumNamespace(cluster),
    ...["delete", "pod", "-l", "k8s-app=cilium", "--field-selector", `spec.nodeName=${node}`],
  );

/** Whether a node is a container of this machine. */
export const isLocalNode = ({ containers }: Pick<ClusterSnapshot, "containers">, node: string): boolean =>
  known(containers).some((c) => c.name === node);

/** In the node, or in its agent, which is in the node's network. */
export function onNode(cluster: ClusterSnapshot, node: string, argv: readonly string[]): string {
  if (isLocalNode(cluster, node)) return shellQuote(["docker", "exec", node, ...argv]);
  const pod = known(cluster.pods).find((p) => p.node === node && p.labels["k8s-app"] === "cilium");
  return pod === undefined
    ? `on that node, as root: ${shellQuote(argv)}`
    : kubectl(pod.namespace, "exec", `pod/${pod.name}`, "-c", "cilium-agent", "--", ...argv);
}

/** A pod that waits for a volume tries again only after minutes, and a restart waits for it. */
export const replaceApiserver = (cluster: ClusterSnapshot): string =>
  kubectl(ciliumNamespace(cluster), "delete", "pod", "-l", "k8s-app=clustermesh-apiserver");

/**
 * Writes the chart's objects anew with the release's own values and version, so that nothing but `values` changes: Helm
 * also puts back what was deleted or changed by hand. Without the version, Helm would take the newest chart.
 */
export function helmUpgrade(cluster: ClusterSnapshot, ...values: readonly string[]): string {
  const version = cluster.ciliumVersion?.ok === true ? semver.valid(cluster.ciliumVersion.value) : null;
  const options = ["--reuse-values", ...values.flatMap((v) => ["--set", v])];
  if (version === null) return `upgrade Cilium's release to its own version: ${shellQuote(options)}`;
  return shellQuote([
    ...["helm", "-n", ciliumNamespace(cluster), "upgrade", "cilium", "cilium/cilium"],
    ...["--version", version, ...options],
  ]);
}

/** A merge patch of an object; `namespace` is empty for one of the whole cluster. */
export const patch = (namespace: string, object: string, change: unknown): string =>
  kubectl(namespace, "patch", object, "--type", "merge", "-p", JSON.stringify(change));
