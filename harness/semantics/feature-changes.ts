import { valueAt } from "#harness/lib/value-at.ts";
import { crosses } from "#harness/lib/version.ts";
import type { CertificateFinding, Grade } from "#harness/model/certificate-finding.ts";
import { flagFindings } from "./flag-findings.ts";
import { type ClusterSettings, readSetting } from "./setting-changes.ts";

/** A feature that works another way from a release on, where a cluster has it on. */
interface FeatureChange {
  readonly since: string;
  readonly grade: Grade;
  readonly isOn: (is: Is, values: NonNullable<ClusterSettings["values"]>) => boolean;
  readonly message: string;
  readonly remedy: string;
}

/** Whether a setting has a value: in cilium-config, else in the values, else by the chart's default. */
type Is = (setting: string | undefined, value: string, expected: string, chart?: string) => boolean;

/** Up to 1.19 in every certificate of clustermesh-apiserver. */
const oldName = "clustermesh-apiserver.cilium.io";

const replacesKubeProxy = (is: Is): boolean => is("kube-proxy-replacement", "kubeProxyReplacement", "true");
const hasMcsApi = (is: Is): boolean =>
  is("clustermesh-enable-mcs-api", "clustermesh.mcsapi.enabled", "true") ||
  is(undefined, "clustermesh.enableMCSAPISupport", "true");

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
    isOn: (is, values) =>
      is(undefined, "clustermesh.useAPIServer", "true", "false") &&
      is(undefined, "clustermesh.apiserver.tls.auto.enabled", "true", "true") &&
      !ownNames.some((path) => [valueAt(values, path)].flat().includes(oldName)),
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
    .filter(({ since, isOn }) => crosses(move, since) && isOn(is, of.values ?? {}))
    .map(
      ({ grade, message, remedy, since }): CertificateFinding => ({
        id: "feature-changes",
        grade,
        message: `${message} (upgrade notes of ${since.replace(/\.0$/, "")})`,
        remedy,
      }),
    );
  return [...changed, ...flagFindings(move, of)];
}
