import { isEndpointLine } from "#harness/cilium/agent/endpoint-log.ts";
import { isMeshLine } from "#harness/cilium/agent/mesh-log.ts";
import { isRefusalLine } from "#harness/cilium/agent/refusal-log.ts";
import { isTroubleLine } from "#harness/cilium/agent/trouble-log.ts";
import type { Use } from "./intake.ts";
import { isPanicLine } from "./panics.ts";
import { identityTable, mapTable, statusText } from "./tables.ts";

/**
 * Where Cilium's tools put what. Sources: cilium-cli/sysdump/constants.go (Cilium CLI 0.14 to 0.19) and
 * bugtool/cmd/configuration.go (Cilium 1.14 to 1.20). Since Cilium 1.15 the agent's tool is `cilium-dbg`, and its name
 * is part of the file names; before, it was `cilium`.
 */

/** Objects by their file name in a sysdump, without the time of the dump at its end. */
export const objectFiles: Readonly<Record<string, string>> = {
  "k8s-nodes": "nodes.json",
  "k8s-pods": "pods.json",
  "k8s-services": "services.json",
  "k8s-endpointslices": "endpointslices.json",
  "k8s-namespaces": "namespaces.json",
  "k8s-networkpolicies": "networkpolicies.json",
  "k8s-events": "events.json",
  ciliumnodes: "ciliumnodes.json",
  ciliumendpoints: "ciliumendpoints.json",
  ciliumidentities: "ciliumidentities.json",
  ciliumnetworkpolicies: "ciliumnetworkpolicies.json",
  ciliumclusterwidenetworkpolicies: "ciliumclusterwidenetworkpolicies.json",
  ciliumloadbalancerippools: "loadbalancerpools.json",
  ciliuml2announcementpolicies: "ciliuml2announcementpolicies.json",
  "k8s-leases": "leases.json",
  ciliumnodeconfigs: "ciliumnodeconfigs.json",
  ciliumcidrgroups: "ciliumcidrgroups.json",
  ciliumbgppeeringpolicies: "ciliumbgppeeringpolicies.json",
  ciliumbgpadvertisements: "ciliumbgpadvertisements.json",
  "cilium-daemonset": "daemonsets.json",
  "cilium-operator-deployment": "deployments.json",
  "clustermesh-apiserver-deployment": "deployments.json",
};

/** Every version of the Cilium CLI writes these, whatever is installed. */
const requiredFiles: ReadonlySet<string> = new Set([
  ...["k8s-nodes", "k8s-pods", "k8s-services", "k8s-namespaces", "k8s-networkpolicies", "k8s-events"],
  ...["ciliumnodes", "ciliumendpoints", "ciliumidentities", "ciliumnetworkpolicies"],
  ...["ciliumclusterwidenetworkpolicies", "cilium-daemonset", "cilium-operator-deployment"],
]);

/** The same where clustermesh-apiserver runs. */
const requiredOfMesh = "clustermesh-apiserver-deployment";

/** Whether an archive of the Cilium CLI must have a file with objects. */
export const isRequired = (name: string, hasApiserver: boolean): boolean =>
  requiredFiles.has(name) || (hasApiserver && name === requiredOfMesh);

/** Other files of a sysdump. `k8s-endpoints` replaces the EndpointSlices, which CLIs before 0.16 did not collect. */
const otherFiles: readonly string[] = ["k8s-endpoints", "cilium-configmap", "cilium-helm-values"];

/**
 * Files with Secrets, which people put beside what the Cilium CLI collects, and with cert-manager's Certificates
 * (`hubble-certificates`; other names since it collects those of the mesh).
 */
export const holdsSecrets = (name: string): boolean => /(^|-)secrets?\.yaml$/.test(name);
export const holdsCertificates = (name: string): boolean => /(^|-)certificates\.yaml$/.test(name);

/** The output of one of an agent's tools in bugtool. */
export interface AgentFile {
  /** File names, the newest version's first. */
  readonly names: readonly string[];
  /** The file of the evidence. */
  readonly to: string;
  /** Recognizes the output, so that an error message is not read as an empty table. */
  readonly looksRight: RegExp;
  /** A later part that every version prints, so that output which ends before it is not read as complete. */
  readonly alsoHas?: RegExp;
  /** Converts it to the JSON of the live tool. */
  readonly read: (text: string) => string;
}

const asItIs = (text: string): string => text;
const tool = (command: string): string[] => [`cilium-dbg-${command}.md`, `cilium-${command}.md`];

export const agentFiles: readonly AgentFile[] = [
  {
    names: tool("status---verbose"),
    to: "status.json",
    looksRight: /^(KVStore|Kubernetes|Cilium):/m,
    alsoHas: /^Controller Status:/m,
    read: statusText,
  },
  { names: tool("node-list--o-json"), to: "node-list.json", looksRight: /^\s*\[/, read: asItIs },
  { names: ["cilium-health-status--o-json.md"], to: "health.json", looksRight: /^\s*\{/, read: asItIs },
  { names: tool("service-list--o-json"), to: "service-list.json", looksRight: /^\s*\[/, read: asItIs },
  { names: tool("bpf-lb-list"), to: "lb.json", looksRight: /^SERVICE ADDRESS/m, read: mapTable },
  { names: tool("identity-list"), to: "identities.json", looksRight: /^ID\s+LABELS/m, read: identityTable },
  { names: tool("bpf-ipcache-list"), to: "ipcache.json", looksRight: /^IP PREFIX/m, read: mapTable },
];

/** Of these a missing one is reported by the part of the snapshot that it is; of an agent's other files by its name. */
export const isAgentPart = (name: string): boolean => agentFiles.some((f) => f.names.includes(name));

/** Output that says more about what the others show; older versions do not collect it. */
export const troubleshootCommand = tool("troubleshoot-clustermesh");

/** `cilium-dbg config -a`, which names the cluster where there is no ConfigMap. */
export const configCommand = tool("config--a");
/** Names the node of an agent whose pod is not known. */
export const hostnameCommand = "hostname.md";
export const firewallCommand = "iptables-save--c.md";
/** `ip -d -s -s l`: among all links of the node, Cilium's tunnel devices. */
export const linksCommand = "ip--d--s--s-l.md";
/** `ip a`, `ip -4 n` and `ip -4 r`. */
export const networkCommands: readonly string[] = ["ip-a.md", "ip--4-n.md", "ip--4-r.md"];
/** `find /sys/fs/bpf -ls`. */
export const pinsCommand = "find--sys-fs-bpf--ls.md";
/** Of WireGuard and IPsec. */
export const encryptionCommands: readonly (readonly string[])[] = [
  tool("encrypt-status"),
  ["cat--proc-net-xfrm_stat.md", "cat--u--proc-net-xfrm_stat.md"],
];

const agentFileNames: ReadonlySet<string> = new Set([
  ...agentFiles.flatMap((f) => f.names),
  ...configCommand,
  ...troubleshootCommand,
  hostnameCommand,
  firewallCommand,
  linksCommand,
  ...networkCommands,
  pinsCommand,
  ...encryptionCommands.flat(),
]);
const yamlNames: ReadonlySet<string> = new Set([...Object.keys(objectFiles), ...otherFiles]);

/** The time of the dump, the only part of a name that differs between two dumps of a cluster. */
const stamp = /-\d{8}-\d{6}(?=\.\w+$)/;
export const withoutTime = (name: string): string => name.replace(stamp, "");
export const baseName = (path: string): string => path.split("/").at(-1) ?? "";

/** Where a file of an archive belongs. */
export interface Place {
  /** The folder of the sysdump, or of the bugtool archive if it is not part of a sysdump. */
  readonly root: string;
  /** The agent's pod, in a sysdump; empty in a bugtool archive, which has only one agent. */
  readonly pod?: string;
  /** Without folders and the time of the dump. */
  readonly name: string;
}

export function placeOf(path: string): Place {
  const name = withoutTime(baseName(path));
  const [, root, pod] = /^(.*\/|)cilium-bugtool-([^/]*?)-\d{8}-\d{6}\//.exec(path) ?? [];
  if (root !== undefined && pod !== undefined && pod !== "") return { root, pod, name };
  const bare = /^(.*\/|)cmd\/[^/]*$/.exec(path)?.[1];
  if (bare !== undefined) return { root: bare, pod: "", name };
  return { root: path.slice(0, path.length - baseName(path).length), name };
}

export const apiserverLog = (pod: string): string => `logs-${pod}-apiserver.log`;
/** The operator's pod, by the name of its log. */
export const operatorOf = (name: string): string | undefined =>
  /^logs-(cilium-operator-[a-z0-9.-]+)-cilium-operator\.log$/.exec(name)?.[1];

const isLastOfOperator = (name: string): boolean =>
  /^logs-cilium-operator-[a-z0-9.-]+-cilium-operator-prev\.log$/.test(name);

/** Logs of which only refused requests, and why an operator ended, are read: without one, nothing else is unjudged. */
export const isRefusalLog = (name: string): boolean =>
  operatorOf(name) !== undefined ||
  isLastOfOperator(name) ||
  /^logs-clustermesh-apiserver-[a-z0-9.-]+-apiserver\.log$/.test(name);

/** What to read of a sysdump or a bugtool archive. */
export function useOf(path: string): Use | undefined {
  const name = baseName(path);
  if (agentFileNames.has(name)) return { as: "text" };
  const bare = withoutTime(name);
  const extension = /^(.*)\.(\w+)$/.exec(bare);
  if (extension?.[2] === "yaml") {
    const isRead = yamlNames.has(extension[1] ?? "") || holdsSecrets(bare) || holdsCertificates(bare);
    return isRead ? { as: "text" } : undefined;
  }
  if (
    /^clustermesh-apiserver-.*-kvstoremesh-(status|troubleshoot)\.(txt|json)$/.test(bare) ||
    /^clustermesh-apiserver-.*-(apiserver|kvstoremesh)-kvstore-list\.txt$/.test(bare) ||
    bare === "cilium-sysdump.log"
  )
    return { as: "text" };
  if (/^logs-.*-kvstoremesh\.log$/.test(bare)) return { as: "log", lines: [isMeshLine, isRefusalLine] };
  if (/^logs-.*-cilium-agent\.log$/.test(bare))
    return { as: "log", lines: [isMeshLine, isEndpointLine, isRefusalLine, isTroubleLine, isPanicLine] };
  if (/^logs-.*-cilium-agent-prev\.log$/.test(bare) || isLastOfOperator(bare))
    return { as: "log", lines: [isTroubleLine, isPanicLine] };
  if (operatorOf(bare) !== undefined)
    return { as: "log", lines: [isRefusalLine, isTroubleLine, isPanicLine] };
  if (isRefusalLog(bare)) return { as: "log", lines: [isRefusalLine] };
  return /^cilium-bugtool-.*\.(tar|tar\.gz|tgz)$/.test(name) ? { as: "bugtool" } : undefined;
}
