import semver from "semver";

/** What takes a flag's place; empty: nothing does. `note`: why. */
export type RemovedFlag = readonly [flag: string, instead: string, note?: string];

const alwaysOn = "it is always on";

/** Flags of agents and operators by the release that removed them; looked up in the sources of 1.18.11, 1.19.7 and 1.20.2. */
export const removedIn: Readonly<Record<string, readonly RemovedFlag[]>> = {
  "1.19.0": [
    ["bpf-lb-proto-diff", ""],
    ["enable-recorder", ""],
    ["hubble-recorder-storage-path", ""],
    ["hubble-recorder-sink-queue-size", ""],
    ["enable-session-affinity", "", alwaysOn],
    ["enable-internal-traffic-policy", "", alwaysOn],
    ["enable-svc-source-range-check", "", alwaysOn],
    ["enable-node-port", "kube-proxy-replacement"],
    ["enable-host-port", "kube-proxy-replacement"],
    ["enable-external-ips", "kube-proxy-replacement"],
    ["enable-custom-calls", ""],
    ["enable-ipv4-egress-gateway", "enable-egress-gateway"],
    ["egress-multi-home-ip-rule-compat", "", "unset it before the upgrade, so that 1.18 migrates the rules"],
    ["l2-pod-announcements-interface", "l2-pod-announcements-interface-pattern"],
  ],
  "1.20.0": [
    ["ces-slice-mode", ""],
    ["node-port-algorithm", "bpf-lb-algorithm"],
    ["node-port-mode", "bpf-lb-mode"],
    ["encrypt-interface", ""],
    ["enable-ipsec-encrypted-overlay", "", alwaysOn],
    ["enable-encryption-strict-mode", "enable-encryption-strict-mode-egress"],
    ["encryption-strict-mode-cidr", "encryption-strict-egress-cidr"],
    [
      "encryption-strict-mode-allow-remote-node-identities",
      "encryption-strict-egress-allow-remote-node-identities",
    ],
    ["k8s-api-server", "k8s-api-server-urls"],
    ["hubble-redact-kafka-apikey", ""],
    ["aws-pagination-enabled", "aws-max-results-per-call"],
  ],
};

/** Whether a version has removed a flag: whatever the chart's values say of it has no effect. */
export const isRemovedFlag = (flag: string, version: string): boolean =>
  Object.entries(removedIn).some(
    ([release, flags]) => semver.gte(version, release) && flags.some(([name]) => name === flag),
  );
