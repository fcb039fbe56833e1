import semver from "semver";
import type { CertificateFinding, Grade } from "#harness/model/certificate-finding.ts";
import { type ClusterSettings, readSetting } from "./setting-changes.ts";

/** A feature that works another way from a release on, where a cluster has it on. */
interface FeatureChange {
  readonly since: string;
  readonly grade: Grade;
  readonly isOn: (is: Is) => boolean;
  readonly message: string;
  readonly remedy: string;
}

/** Whether a setting has a value: in cilium-config, else in the values, else by the chart's default. */
type Is = (setting: string | undefined, value: string, expected: string, chart?: string) => boolean;

const replacesKubeProxy = (is: Is): boolean => is("kube-proxy-replacement", "kubeProxyReplacement", "true");
const hasMcsApi = (is: Is): boolean =>
  is("clustermesh-enable-mcs-api", "clustermesh.mcsapi.enabled", "true") ||
  is(undefined, "clustermesh.enableMCSAPISupport", "true");

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
    grade: "caution",
    isOn: (is) => is(undefined, "clustermesh.apiserver.tls.auto.method", "cronJob", "helm"),
    message:
      "the job that renews certificates fails if the CA ends before the certificates that it would make",
    remedy: "see when the CA ends, or set certgen.enforceCAValidityThroughoutLeavesDuration to false",
  },
];

/** Flags of the agents and operators that a release removed, and what takes their place. */
const removedFlags: readonly { readonly flag: string; readonly removed: string; readonly instead: string }[] =
  [
    ...[
      ["bpf-lb-proto-diff", "nothing"],
      ["enable-recorder", "nothing"],
      ["enable-session-affinity", "nothing: it is always on"],
      ["enable-host-port", "kube-proxy-replacement"],
      ["enable-external-ips", "kube-proxy-replacement"],
      ["enable-custom-calls", "nothing"],
      ["enable-ipv4-egress-gateway", "enable-egress-gateway"],
      [
        "egress-multi-home-ip-rule-compat",
        "nothing: unset it before the upgrade, so that 1.18 migrates the rules",
      ],
      ["l2-pod-announcements-interface", "l2-pod-announcements-interface-pattern"],
    ].map(([flag = "", instead = ""]) => ({ flag, removed: "1.19.0", instead })),
    ...[
      ["ces-slice-mode", "nothing"],
      ["node-port-algorithm", "bpf-lb-algorithm"],
      ["node-port-mode", "bpf-lb-mode"],
      ["encrypt-interface", "nothing"],
      ["enable-ipsec-encrypted-overlay", "nothing: it is always on"],
      ["enable-encryption-strict-mode", "enable-encryption-strict-mode-egress"],
      ["encryption-strict-mode-cidr", "encryption-strict-egress-cidr"],
      [
        "encryption-strict-mode-allow-remote-node-identities",
        "encryption-strict-egress-allow-remote-node-identities",
      ],
      ["k8s-api-server", "k8s-api-server-urls"],
    ].map(([flag = "", instead = ""]) => ({ flag, removed: "1.20.0", instead })),
  ];

interface Move {
  readonly from: string;
  readonly to: string;
}

const isCrossed = (release: string, { from, to }: Move): boolean =>
  semver.lt(from, release) && semver.gte(to, release);

/** Features that a cluster uses and that work another way after the move, and flags that no longer exist. */
export function featureFindings(move: Move, of: ClusterSettings): CertificateFinding[] {
  const is: Is = (setting, value, expected, chart) =>
    readSetting({ value, chart, ...(setting === undefined ? {} : { setting }) }, of) === expected;
  const changed = featureChanges
    .filter(({ since, isOn }) => isCrossed(since, move) && isOn(is))
    .map(
      ({ grade, message, remedy, since }): CertificateFinding => ({
        id: "feature-changes",
        grade,
        message: `${message} (upgrade notes of ${since.replace(/\.0$/, "")})`,
        remedy,
      }),
    );
  const gone = removedFlags.flatMap(({ flag, removed, instead }): CertificateFinding[] => {
    // The chart's own settings come and go with it: only those of the operator's stay in cilium-config.
    const value = readSetting({ setting: flag, value: `extraConfig.${flag}`, chart: undefined }, of);
    if (value === undefined || !isCrossed(removed, move)) return [];
    return [
      {
        id: "setting-removed",
        grade: "caution",
        message: `setting ${flag}, which is ${JSON.stringify(value.slice(0, 60))} in cilium-config, has no effect from Cilium ${removed.replace(/\.0$/, "")} on`,
        remedy: `write instead: ${instead}`,
      },
    ];
  });
  return [...changed, ...gone];
}
