import { valueAt } from "#harness/lib/value-at.ts";
import { crosses } from "#harness/lib/version.ts";
import type { CertificateFinding, Grade } from "#harness/model/certificate-finding.ts";
import { flagFindings } from "./flag-findings.ts";
import { isRareSchedule } from "./rare-schedule.ts";
import { type ClusterSettings, readSetting } from "./setting-changes.ts";

/** A feature that works another way from a release on, where a cluster has it on. */
interface FeatureChange {
  readonly since: string;
  readonly grade: Grade;
  readonly isOn: (is: Is, of: ClusterSettings) => boolean;
  readonly message: string;
  readonly remedy: string;
  /** The upgrade notes of the minor if absent. */
  readonly source?: string;
}

/** Whether a setting has a value: in cilium-config, else in the values, else by the chart's default. */
type Is = (setting: string | undefined, value: string, expected: string, chart?: string) => boolean;

/** Up to 1.19 in every certificate of clustermesh-apiserver. */
const oldName = "clustermesh-apiserver.cilium.io";

const replacesKubeProxy = (is: Is): boolean => is("kube-proxy-replacement", "kubeProxyReplacement", "true");
const hasMcsApi = (is: Is): boolean =>
  is("clustermesh-enable-mcs-api", "clustermesh.mcsapi.enabled", "true") ||
  is(undefined, "clustermesh.enableMCSAPISupport", "true");

/** Certificates of the mesh are made by the chart, in one way or another. */
const isMeshOfChart = (is: Is): boolean =>
  is(undefined, "clustermesh.useAPIServer", "true", "false") &&
  is(undefined, "clustermesh.apiserver.tls.auto.enabled", "true", "true");

/** A job makes them, at times of the operator's own that may come once a year or never. */
function isRenewedRarely(is: Is, { values = {} }: ClusterSettings): boolean {
  const auto = "clustermesh.apiserver.tls.auto";
  const schedule = valueAt(values, `${auto}.schedule`);
  return (
    isMeshOfChart(is) &&
    is(undefined, `${auto}.method`, "cronJob", "helm") &&
    valueAt(values, `${auto}.certValidityDuration`) === undefined &&
    typeof schedule === "string" &&
    isRareSchedule(schedule)
  );
}

/** Agents serve metrics. */
const hasMetrics = (is: Is, { config = {} }: ClusterSettings): boolean =>
  is(undefined, "prometheus.enabled", "true", "false") || config["prometheus-serve-addr"] !== undefined;

/** The Helm values under which certificates of clustermesh-apiserver hold names of the operator's own; the second up to 1.19. */
const ownNames = ["auto.server", "server"].map((of) => `clustermesh.apiserver.tls.${of}.extraDnsNames`);

/** From the upgrade notes of 1.19 and 1.20, in Documentation/operations of 1.19.7 and 1.20.2. */
const featureChanges: readonly FeatureChange[] = [
  {
    since: "1.19.0",
    grade: "caution",
    isOn: (is) =>
      is("enable-ipsec", "encryption.type", "ipsec") || is("enable-ipsec", "encryption.type", "true")
        ? replacesKubeProxy(is) && is("enable-bpf-masquerade", "bpf.masquerade", "true")
        : false,
    message:
      "IPsec with kube-proxy replacement and BPF masquerading now routes in eBPF on the host, which needs a kernel with the fix of CVE-2025-37959",
    remedy: "check the nodes' kernels, or set bpf.hostLegacyRouting to true",
  },
  {
    since: "1.19.0",
    grade: "serious",
    // templates/clustermesh-apiserver/deployment.yaml:426 and users-configmap.yaml:1 of 1.19.7.
    isOn: (is) =>
      is(undefined, "clustermesh.useAPIServer", "true", "false") &&
      is(undefined, "clustermesh.config.enabled", "false", "false") &&
      is(undefined, "clustermesh.apiserver.kvstoremesh.kvstoreMode", "internal", "internal") &&
      is(undefined, "clustermesh.apiserver.tls.authMode", "", ""),
    message:
      'clustermesh.apiserver.tls.authMode is "migration" by default, and was "legacy": new pods of clustermesh-apiserver do not start without the ConfigMap clustermesh-remote-users, which the chart makes only where clustermesh.config.enabled is true',
    remedy: "set clustermesh.apiserver.tls.authMode: legacy, or make the ConfigMap yourself",
  },
  {
    since: "1.19.0",
    grade: "caution",
    isOn: hasMcsApi,
    message:
      "the MCS API reports a port conflict for every exported Service whose ports are not exactly those of the oldest export",
    remedy: "make the ports of exported Services equal in all clusters",
  },
  {
    since: "1.19.0",
    grade: "caution",
    isOn: (is, of) => is(undefined, "clustermesh.useAPIServer", "true", "false") && hasMetrics(is, of),
    message:
      "metrics of the mesh have other names and labels: cilium_agent_clustermesh_global_services is now cilium_agent_clustermesh_remote_cluster_services with a number for each cluster, those of the operator likewise, and none of the metrics of remote clusters and of node health has source_cluster and source_node_name any more",
    remedy: "change alerts and dashboards that name them: an alert of a metric that is gone never fires",
  },
  {
    since: "1.19.0",
    grade: "information",
    // Wildcard entries, pkg/loadbalancer/reconciler/bpf_reconciler.go:1147 of 1.19.7.
    isOn: (is) =>
      replacesKubeProxy(is) &&
      (is("enable-l2-announcements", "l2announcements.enabled", "true", "false") ||
        is("enable-bgp-control-plane", "bgpControlPlane.enabled", "true", "false")),
    message:
      "TCP and UDP from outside to an address of Cilium's LB-IPAM is dropped at ports that no Service has there; before, it went on to whatever else has that address",
    remedy: "see that nothing but Services is reached by these addresses",
  },
  {
    since: "1.20.0",
    grade: "serious",
    isOn: (is) => is("enable-gateway-api", "gatewayAPI.enabled", "true"),
    message:
      "Cilium's Gateway API needs the CRDs of Gateway API 1.6.1, and TLSRoutes stored as v1alpha2 disappear with the standard ones",
    remedy: "back up TLSRoutes and install the CRDs first, for TLSRoutes the experimental ones",
  },
  {
    since: "1.20.0",
    grade: "caution",
    // Where the socket chooses the backend, it did so before; that Gateway API puts this off changes nothing.
    isOn: (is) =>
      replacesKubeProxy(is) && is("bpf-lb-sock-hostns-only", "socketLB.hostNamespaceOnly", "true"),
    message:
      "connections of pods to NodePorts are balanced where they leave the pod: policies must allow the client to the backends, not to the node",
    remedy: "see which policies allow pods to reach nodes for the sake of a NodePort",
  },
  {
    since: "1.20.0",
    grade: "caution",
    isOn: (is) => is("custom-cni-conf", "cni.customConf", "true"),
    message: "CNI configurations have version 1.0.0 by default; yours is your own",
    remedy: "set cniVersion 1.0.0 in your CNI configuration",
  },
  {
    since: "1.20.0",
    grade: "information",
    isOn: (is, { values = {} }) =>
      isMeshOfChart(is) && !ownNames.some((path) => [valueAt(values, path)].flat().includes(oldName)),
    message: `new certificates of clustermesh-apiserver do not hold the name ${oldName}: a client that connects by it is refused; agents and KVStoreMesh use other names unless clustermesh.config says so`,
    remedy: `where a client of your own uses it, add it to clustermesh.apiserver.tls.auto.server.extraDnsNames`,
  },
  {
    since: "1.20.0",
    grade: "caution",
    isOn: (is) => is(undefined, "clustermesh.apiserver.tls.auto.method", "cronJob", "helm"),
    message:
      "the job that renews certificates fails if the CA ends before the certificates that it would make",
    remedy: "see when the CA ends, or set certgen.enforceCAValidityThroughoutLeavesDuration to false",
  },
  {
    since: "1.20.0",
    grade: "caution",
    isOn: isRenewedRarely,
    message:
      "certificates of the mesh that the job makes are valid for 365 days by default (1095 before), and your clustermesh.apiserver.tls.auto.schedule makes new ones once a year at most: they may end before",
    remedy:
      "leave the schedule out (the chart's comes every four months), or set clustermesh.apiserver.tls.auto.certValidityDuration",
  },
  {
    since: "1.20.2",
    grade: "caution",
    isOn: (is) =>
      is(undefined, "enableIdentityMark", "false", "true") &&
      is("cni-chaining-mode", "cni.chainingMode", "none", "none") &&
      is(undefined, "cni.chainingTarget", "", ""),
    message:
      "value enableIdentityMark: false takes effect, which older charts read with CNI chaining only: agents no longer mark local traffic with its identity",
    remedy: "leave enableIdentityMark out to keep what you have",
    source: "CHANGELOG.md, v1.20.2; templates/cilium-configmap.yaml:715 of 1.20.2",
  },
];

interface Move {
  readonly from: string;
  readonly to: string;
}

/** Features that a cluster uses and that work another way after the move, and flags that the target does not have. */
export function featureFindings(move: Move, of: ClusterSettings): CertificateFinding[] {
  const is: Is = (setting, value, expected, chart) =>
    readSetting({ value, chart, ...(setting === undefined ? {} : { setting }) }, of) === expected;
  const changed = featureChanges
    .filter(({ since, isOn }) => crosses(move, since) && isOn(is, of))
    .map(
      ({ grade, message, remedy, since, source }): CertificateFinding => ({
        id: "feature-changes",
        grade,
        message: `${message} (${source ?? `upgrade notes of ${since.replace(/\.0$/, "")}`})`,
        remedy,
      }),
    );
  return [...changed, ...flagFindings(move, of)];
}
