/** Peers as `clustermesh-apiserver` and the agents are configured with them: remote cluster to its endpoints. */
export interface Peers {
  readonly agents: Readonly<Record<string, readonly string[]>>;
  readonly kvstoreMesh: Readonly<Record<string, readonly string[]>>;
}

interface PeerValue {
  readonly name?: string;
  readonly address?: string;
  readonly port?: number;
}

/** A sysdump has no secrets, but the chart's values and the output of `troubleshoot` name the peers. */
export interface PeerSources {
  readonly helm: unknown;
  readonly agentTroubleshoot: string | undefined;
  readonly kvstoreMeshTroubleshoot: string | undefined;
  /** The namespace of Cilium. */
  readonly namespace: string;
}

/**
 * What the programs read themselves comes first. Without a Helm release (GitOps, or `cilium clustermesh connect` of old
 * CLIs, which wrote the secrets directly) it is the only source. Undefined if nothing names the peers.
 */
export function peersOf(sources: PeerSources): Peers | undefined {
  const agents = endpointsIn(sources.agentTroubleshoot);
  const kvstoreMesh = endpointsIn(sources.kvstoreMeshTroubleshoot);
  const configured = peersOfValues(sources.helm, sources.namespace);
  if (agents === undefined && kvstoreMesh === undefined) return configured;
  return {
    agents: agents ?? configured?.agents ?? {},
    kvstoreMesh: kvstoreMesh ?? configured?.kvstoreMesh ?? {},
  };
}

/** The peers in the output of `troubleshoot clustermesh`; undefined if it names none. */
function endpointsIn(text: string | undefined): Record<string, string[]> | undefined {
  const found = new Map<string, string[]>();
  let current: string[] | undefined;
  let inEndpoints = false;
  for (const line of (text ?? "").split("\n")) {
    if (line.length > 8192) continue;
    const cluster = /^Cluster "([^"]*)":/.exec(line)?.[1];
    if (cluster !== undefined) {
      current = [];
      found.set(cluster, current);
    }
    if (/^\S/.test(line)) inEndpoints = /Endpoints:\s*$/.test(line);
    const url = /^\s+- (https?:\/\/\S+)\s*$/.exec(line)?.[1];
    if (inEndpoints && url !== undefined) current?.push(url);
  }
  return found.size === 0 ? undefined : Object.fromEntries(found);
}

/** `clustermesh.config.clusters`, a list or a mapping. */
function peersOfValues(helm: unknown, namespace: string): Peers | undefined {
  if (typeof helm !== "object" || helm === null) return undefined;
  const { clustermesh } = helm as {
    clustermesh?: {
      useAPIServer?: boolean;
      apiserver?: { kvstoremesh?: { enabled?: boolean } };
      config?: { clusters?: readonly PeerValue[] | Readonly<Record<string, PeerValue | null>> };
    };
  };
  const listed = clustermesh?.config?.clusters ?? [];
  const peers = Array.isArray(listed)
    ? (listed as readonly PeerValue[])
    : Object.entries(listed as Readonly<Record<string, PeerValue | null>>).map(([name, p]) => ({
        ...p,
        name,
      }));
  const direct = Object.fromEntries(
    peers.map((p) => [
      String(p?.name ?? ""),
      [`https://${p?.address || `${p?.name}.mesh.cilium.io`}:${p?.port ?? 2379}`],
    ]),
  );
  const isCached =
    clustermesh?.useAPIServer === true && clustermesh.apiserver?.kvstoremesh?.enabled !== false;
  const own = [`https://clustermesh-apiserver.${namespace}.svc:2379`];
  return isCached
    ? {
        agents: Object.fromEntries(Object.keys(direct).map((name) => [name, own])),
        kvstoreMesh: direct,
      }
    : { agents: direct, kvstoreMesh: {} };
}
