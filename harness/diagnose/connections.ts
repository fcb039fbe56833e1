import { given } from "#harness/lib/given.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PeerTrouble, PeerWord } from "#harness/model/mesh-snapshot.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";
import { announcements } from "./announcements.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { renewal } from "./certificates.ts";
import { orGone } from "./lost-peers.ts";
import { missingFile } from "./missing-certificates.ts";
import { misaddressedNodes } from "./node-addresses.ts";
import { nodePorts } from "./node-ports.ts";
import { ciliumNamespace, known, kubectl, nameOf } from "./parts.ts";
import { peerAddresses } from "./peer-addresses.ts";
import { inCluster } from "./repairs.ts";
import { sourceRanges } from "./source-ranges.ts";
import { type Unsynchronised, unsynchronised } from "./synchronisation.ts";

/**
 * DNS, TCP, TLS and etcd towards each peer, then the status in KVStoreMesh and the agents, last what they logged about
 * it: a status may report a lost connection as ready for minutes.
 */
export function connections(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    const say: Say = (subject, message, next, { id = "peer-not-ready", severity, of = cluster } = {}) =>
      void found.push(findingOf(id, { cluster: of.name, subject, message, next, ...given({ severity }) }));
    kvstoreMeshes({ mesh, cluster, say });
    const logged = (by: string, words: readonly PeerWord[]): void => {
      for (const { peer, good, text, pod } of words) {
        const who = pod === undefined ? by : `${by} in ${pod}`;
        if (!good)
          say(
            `${who} to ${peer}`,
            `${who} last logged about ${peer}: ${text}`,
            `check its log and the connection to ${peer}`,
          );
      }
    };
    for (const agent of cluster.agents) {
      const who = `the agent of ${cluster.name}/${agent.node}`;
      const troubles = known(agent.trouble);
      for (const remote of known(agent.remotes)) {
        if (remote.ready && Object.values(remote.synced).every(Boolean)) continue;
        const lacking = unsynchronised(mesh, cluster, { reader: "agent", remote });
        if (lacking !== undefined) {
          const subject = `the agent of ${agent.node} to ${remote.name}`;
          say(subject, `${who} ${lacking.what}`, lacking.next, ofUnsynchronised(lacking));
          continue;
        }
        const trouble = remote.ready ? undefined : troubles.find((t) => t.peer === remote.name);
        // Of all agents at once, before.
        if (trouble !== undefined && missingFile(trouble.step) !== undefined) continue;
        const cause = trouble === undefined ? undefined : causeOf(trouble, { who, mesh, cluster });
        const why = cause === undefined || cause.why === "" ? "" : ` (${cause.why})`;
        const isTls = cause !== undefined && cause.id !== "peer-unreachable";
        say(
          `the agent of ${agent.node} to ${remote.name}`,
          `${who} is not ready for ${remote.name}: ${remote.status}${trouble === undefined ? "" : `; ${trouble.step}`}${why}`,
          (isTls ? undefined : afterAddress(mesh, cluster, agent.node)) ??
            cause?.next ??
            afterCopy(cluster, remote) ??
            "cilium-dbg troubleshoot clustermesh",
          given({ id: cause?.id }),
        );
      }
    }
    logged(`KVStoreMesh of ${cluster.name}`, known(cluster.kvstoreMeshWords));
    for (const agent of cluster.agents)
      logged(`the agent of ${cluster.name}/${agent.node}`, known(agent.words));
  }
  return found;
}

/** No answer arrives at a node that is announced by a wrong address. */
const afterAddress = (mesh: MeshSnapshot, cluster: ClusterSnapshot, node: string): string | undefined =>
  misaddressedNodes(mesh).some((m) => m.node === `${nameOf(cluster)}/${node}`)
    ? `correct the address of node ${node} first`
    : undefined;

/** An agent that is connected to the etcd of its own cluster reads what KVStoreMesh has copied into it. */
const afterCopy = (
  { name, kvstoreMesh }: ClusterSnapshot,
  remote: RemoteClusterStatus,
): string | undefined =>
  remote.connected && known(kvstoreMesh).some((r) => r.name === remote.name && !r.ready)
    ? `correct what keeps KVStoreMesh of ${name} from ${remote.name} first: the agent reads its copy`
    : undefined;

type Say = (
  subject: string,
  message: string,
  next: string,
  kind?: {
    readonly id?: FindingId;
    readonly severity?: Finding["severity"];
    /** Whose finding it is, if another cluster's. */
    readonly of?: ClusterSnapshot;
  },
) => void;

const ofUnsynchronised = ({ of }: Unsynchronised) => ({
  id: "peer-not-synchronised" as const,
  ...given({ of }),
});

interface Sayer {
  readonly mesh: MeshSnapshot;
  readonly cluster: ClusterSnapshot;
  readonly say: Say;
}

/** KVStoreMesh in each replica towards each peer: one finding for the replicas that fail alike. */
function kvstoreMeshes({ mesh, cluster, say }: Sayer): void {
  const reported = new Set<string>();
  const keyOf = (peer: string, pod = ""): string => JSON.stringify([peer, pod]);
  for (const [trouble, pods] of firstTroubles(cluster)) {
    const { peer, step } = trouble;
    for (const pod of pods) reported.add(keyOf(peer, pod));
    if (missingFile(step) !== undefined) continue;
    const { who, others, next: ofReplica } = replicasOf(cluster, peer, pods);
    const { id, why, next } = causeOf(trouble, { who, mesh, cluster });
    say(
      `${who} to ${peer}`,
      `${who} cannot reach ${peer}: ${step}${why === "" ? "" : ` (${why})`}${others}`,
      id === "peer-unreachable" && ofReplica !== undefined ? ofReplica : next,
      { id, ...(isSlow(cluster, trouble, pods) ? { severity: "suspect" as const } : {}) },
    );
  }
  for (const remote of known(cluster.kvstoreMesh)) {
    if (remote.ready || reported.has(keyOf(remote.name, remote.pod))) continue;
    const { who, others } = replicasOf(cluster, remote.name, [remote.pod ?? ""]);
    const lacking = unsynchronised(mesh, cluster, { reader: "KVStoreMesh", remote });
    if (lacking !== undefined) {
      const said = `${who} ${lacking.what}${others}`;
      say(`${who} to ${remote.name}`, said, lacking.next, ofUnsynchronised(lacking));
      continue;
    }
    say(
      `${who} to ${remote.name}`,
      `${who} is not ready for ${remote.name}: ${remote.status}${others}`,
      `kvstoremesh-dbg troubleshoot${remote.connected ? "" : orGone(mesh, cluster, remote.name)}`,
    );
  }
}

/**
 * `troubleshoot` opens a connection of its own and gives up after seconds, so on a busy machine it may fail while the
 * standing connection works.
 */
const isSlow = (cluster: ClusterSnapshot, { peer, step }: PeerTrouble, pods: readonly string[]): boolean => {
  const isOf = ({ pod = "" }: { readonly pod?: string }): boolean => pods.includes(pod);
  const remotes = known(cluster.kvstoreMesh).filter((r) => r.name === peer && isOf(r));
  const words = known(cluster.kvstoreMeshWords).filter((w) => w.peer === peer && isOf(w));
  return (
    /^Failed to .*etcd: context deadline exceeded$/.test(step) &&
    remotes.length > 0 &&
    remotes.every((r) => r.connected && r.ready && Object.values(r.synced).every(Boolean)) &&
    words.every((w) => w.good)
  );
};

/** The first failed step of each replica towards each peer, with the replicas that it is of. */
function firstTroubles(cluster: ClusterSnapshot): [PeerTrouble, string[]][] {
  const first = new Map<string, PeerTrouble>();
  for (const trouble of known(cluster.kvstoreMeshTrouble)) {
    const key = JSON.stringify([trouble.peer, trouble.pod]);
    if (!first.has(key)) first.set(key, trouble);
  }
  const alike = new Map<string, [PeerTrouble, string[]]>();
  for (const trouble of first.values()) {
    const key = JSON.stringify([trouble.peer, trouble.step]);
    const group: [PeerTrouble, string[]] = alike.get(key) ?? [trouble, []];
    group[1].push(trouble.pod ?? "");
    alike.set(key, group);
  }
  return [...alike.values()];
}

/** How to name some replicas; with what the others do towards a peer, if there are any. */
function replicasOf(
  cluster: ClusterSnapshot,
  peer: string,
  pods: readonly string[],
): { readonly who: string; readonly others: string; readonly next?: string } {
  const [pod = ""] = pods;
  const read = [...known(cluster.kvstoreMesh), ...known(cluster.kvstoreMeshPaths)];
  const all = new Set(read.flatMap((r) => r.pod ?? []));
  if (pod === "" || all.size <= pods.length) return { who: `KVStoreMesh of ${cluster.name}`, others: "" };
  const nodeOf = (name: string): string =>
    known(cluster.pods).find((p) => p.name === name)?.node || "its node";
  const named = pods.map((name) => `${name} (${nodeOf(name)})`).join(" and ");
  const well = known(cluster.kvstoreMesh)
    .filter((r) => r.name === peer && r.ready && !pods.includes(r.pod ?? ""))
    .map((r) => r.pod);
  return {
    who: `KVStoreMesh of ${cluster.name} in ${named}`,
    others: well.length === 0 ? "" : `; in ${well.join(" and ")} it is connected`,
    ...(well.length === 0
      ? {}
      : {
          next: `check what drops packets from ${nodeOf(pod)} to ${peer}, because the other replica reaches it; to replace the pod: ${kubectl(ciliumNamespace(cluster), "delete", `pod/${pod}`)}`,
        }),
  };
}

interface Cause {
  readonly id: FindingId;
  /** Which side's what; empty where the step says it all. */
  readonly why: string;
  readonly next: string;
}

/** Who connects, from where. */
interface Connecting {
  readonly who: string;
  readonly mesh: MeshSnapshot;
  readonly cluster: ClusterSnapshot;
}

/**
 * Errors of Go's TLS: this side verifies the peer's server certificate; an alert (`remote error`) is the peer's word on the
 * client certificate of this side (crypto/tls/alert.go, crypto/x509/verify.go of Go 1.26).
 */
function causeOf({ peer, step }: PeerTrouble, { who, mesh, cluster }: Connecting): Cause {
  const other = mesh.clusters.find((c) => nameOf(c) === peer);
  const renewIts =
    other === undefined ? `renew the server certificate of ${peer}` : renewal(other, inCluster);
  const own = `the client certificate of ${who}`;
  const its = `the server certificate of ${peer}`;
  const sameCa = `install both clusters with one CA, or give each the other's in tls.caBundle: compare the CA certificates of both clusters`;
  if (/remote error: tls: (?:expired certificate|certificate expired)/.test(step))
    return { id: "certificate-expired", why: `${own} is expired or not yet valid`, next: renewal(cluster) };
  if (/remote error: tls: (?:unknown certificate authority|unknown certificate)/.test(step))
    return {
      id: "certificate-untrusted",
      why: `${own} is signed by a CA that ${peer} does not trust`,
      next: sameCa,
    };
  if (
    /remote error: tls: (?:bad certificate|certificate required)|not signed by any acceptable CA/.test(step)
  )
    return {
      id: "certificate-untrusted",
      why: `${peer} does not accept ${own}`,
      next: `check the validity of the certificate that this side presents and its CA, and renew it; ${sameCa}`,
    };
  if (/certificate signed by unknown authority|unknown authority/.test(step))
    return {
      id: "certificate-untrusted",
      why: `${its} is signed by a CA that ${who} does not trust`,
      next: sameCa,
    };
  if (/expired or is not yet valid/.test(step))
    return / is before /.test(step)
      ? {
          id: "certificate-not-yet-valid",
          why: `${its} is not yet valid`,
          next: `compare the clocks of both sides first; ${renewIts}`,
        }
      : { id: "certificate-expired", why: `${its} has expired`, next: renewIts };
  if (/certificate is (?:not )?valid for|contain any IP SANs|not valid for any names/.test(step))
    return {
      id: "certificate-name",
      why: `${its} is issued for other names than the one that ${who} uses`,
      next: `contact ${peer} by a name in its certificate, or add the name to clustermesh.apiserver.tls.server.extraDnsNames of ${peer} and renew the certificate`,
    };
  if (/expired|authentication failed|invalid/i.test(step))
    return {
      id: "certificate-expired",
      why: "",
      next: "check the validity of the certificate that this side presents, and renew it",
    };
  if (/resolve/.test(step))
    return {
      id: "peer-name-unresolved",
      why: "",
      next: `check hostAliases of clustermesh-apiserver and the addresses configured for the peer${orGone(mesh, cluster, peer)}`,
    };
  if (!/TCP/.test(step))
    return { id: "peer-unreachable", why: "", next: "check etcd in the peer's clustermesh-apiserver" };
  const earlier = unansweredBy(mesh, cluster, other);
  const next =
    earlier === undefined
      ? `check the peer's service, its port and the firewalls in between${orGone(mesh, cluster, peer)}`
      : `correct ${earlier} first`;
  return { id: "peer-unreachable", why: "", next };
}

/** What keeps a peer's service from answering, as the layers before this one found. */
function unansweredBy(
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  peer: ClusterSnapshot | undefined,
): string | undefined {
  const isPeers = (f: Finding): boolean => f.severity === "broken" && f.cluster === peer?.name;
  if (peerAddresses(mesh).some((f) => isPeers(f) && f.id === "apiserver-without-address"))
    return `the load balancer of clustermesh-apiserver of ${peer?.name}`;
  if (announcements(mesh).some(isPeers)) return `the announcement of clustermesh-apiserver of ${peer?.name}`;
  if (nodePorts(mesh).some(isPeers)) return `the NodePort of clustermesh-apiserver of ${peer?.name}`;
  return sourceRanges(mesh).some((f) => isPeers(f) && f.subject.endsWith(` for ${cluster.name}`))
    ? `loadBalancerSourceRanges of clustermesh-apiserver of ${peer?.name}`
    : undefined;
}
