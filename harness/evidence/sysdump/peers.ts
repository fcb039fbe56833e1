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

interface MeshValues {
  readonly useAPIServer?: boolean;
  readonly apiserver?: {
    readonly kvstoremesh?: { readonly enabled?: boolean };
    readonly tls?: { readonly authMode?: string };
  };
  readonly config?: {
    readonly clusters?: readonly PeerValue[] | Readonly<Record<string, PeerValue | null>>;
  };
}

const meshValuesOf = (helm: unknown): MeshValues | undefined =>
  (helm as { clustermesh?: MeshValues | null } | undefined)?.clustermesh ?? undefined;

/** `clustermesh.config.clusters`, a list or a mapping. */
function peerValues(mesh: MeshValues | undefined): readonly PeerValue[] {
  const listed = mesh?.config?.clusters ?? [];
  return Array.isArray(listed)
    ? (listed as readonly PeerValue[])
    : Object.entries(listed as Readonly<Record<string, PeerValue | null>>).map(([name, p]) => ({
        ...p,
        name,
      }));
}

/**
 * The users that the chart gives to other clusters (clustermesh-apiserver/users-configmap.yaml). Its default of authMode
 * depends on its version, so without one both ways of naming count.
 */
export function meshUsersOfValues(helm: unknown): string[] | undefined {
  const mesh = meshValuesOf(helm);
  if (mesh?.useAPIServer !== true) return undefined;
  if (mesh.apiserver?.tls?.authMode === "legacy") return ["remote"];
  return ["remote", ...peerValues(mesh).map((p) => `remote-${p?.name ?? ""}`)];
}

function peersOfValues(helm: unknown, namespace: string): Peers | undefined {
  if (typeof helm !== "object" || helm === null) return undefined;
  const clustermesh = meshValuesOf(helm);
  const direct = Object.fromEntries(
    peerValues(clustermesh).map((p) => [
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
