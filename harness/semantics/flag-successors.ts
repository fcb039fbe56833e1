/** What takes a flag's place; nothing does if `instead` is absent. `note`: why. */
export interface Successor {
  readonly instead?: string;
  readonly note?: string;
}

const alwaysOn = { note: "it is always on" };

/** Flags of agents and operators that a release removed; looked up in the sources of 1.18.11, 1.19.7 and 1.20.2. */
const successors: Readonly<Record<string, Successor>> = {
  "enable-session-affinity": alwaysOn,
  "enable-internal-traffic-policy": alwaysOn,
  "enable-svc-source-range-check": alwaysOn,
  "enable-node-port": { instead: "kube-proxy-replacement" },
  "enable-host-port": { instead: "kube-proxy-replacement" },
  "enable-external-ips": { instead: "kube-proxy-replacement" },
  "enable-ipv4-egress-gateway": { instead: "enable-egress-gateway" },
  "egress-multi-home-ip-rule-compat": {
    note: "unset it before the upgrade, so that 1.18 migrates the rules",
  },
  "l2-pod-announcements-interface": { instead: "l2-pod-announcements-interface-pattern" },
  "node-port-algorithm": { instead: "bpf-lb-algorithm" },
  "node-port-mode": { instead: "bpf-lb-mode" },
  "enable-ipsec-encrypted-overlay": alwaysOn,
  "enable-encryption-strict-mode": { instead: "enable-encryption-strict-mode-egress" },
  "encryption-strict-mode-cidr": { instead: "encryption-strict-egress-cidr" },
  "encryption-strict-mode-allow-remote-node-identities": {
    instead: "encryption-strict-egress-allow-remote-node-identities",
  },
  "k8s-api-server": { instead: "k8s-api-server-urls" },
  "aws-pagination-enabled": { instead: "aws-max-results-per-call" },
};

export const successorOf = (flag: string): Successor =>
  Object.hasOwn(successors, flag) ? (successors[flag] ?? {}) : {};

/** Flags in whose place a later release has this one. */
export const predecessorsOf = (flag: string): string[] =>
  Object.keys(successors).filter((older) => successors[older]?.instead === flag);
