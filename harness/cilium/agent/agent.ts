import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type {
  EndpointEntry,
  HealthReport,
  IdentityEntry,
  IpcacheEntry,
  NodeEntry,
  RemoteClusterStatus,
  ServiceEntry,
} from "#harness/model/snapshot.ts";
import { meshLines, meshLogBytes } from "./mesh-log.ts";
import {
  parseEndpoints,
  parseHealth,
  parseIdentities,
  parseIpcache,
  parseLbMaps,
  parseNodeList,
  parseRemoteClusters,
  parseServiceList,
} from "./parse.ts";

/** One live Cilium agent. Its commands run through exec in its pod. */
export class Agent {
  readonly cluster: Cluster;
  readonly pod: string;
  readonly node: string;
  readonly #signal: AbortSignal;

  constructor(cluster: Cluster, at: { pod: string; node: string }, signal: AbortSignal) {
    this.cluster = cluster;
    this.pod = at.pod;
    this.node = at.node;
    this.#signal = signal;
  }

  /** `cluster/node`, the agents' name for a node. */
  get name(): string {
    return `${this.cluster.name}/${this.node}`;
  }

  /** Standard output of a program in the agent's container; an error names the agent. */
  async run(argv: readonly string[], timeoutMs = 20_000): Promise<string> {
    const result = await this.cluster.kube
      .exec(
        { namespace: "kube-system", pod: this.pod, container: "cilium-agent", argv },
        { signal: this.#signal, timeoutMs },
      )
      .catch((error: unknown) => {
        if (error instanceof MeshproofError && error.code !== "aborted")
          throw new MeshproofError(
            error.code,
            `the agent of ${this.name} does not answer: ${error.message}`,
            {
              cause: error,
            },
          );
        throw error;
      });
    if (result.exitCode !== 0) {
      throw new MeshproofError(
        "kube-request",
        `${argv.join(" ")} on the agent of ${this.name} exited with code ${result.exitCode}: ${result.stderr.trim().slice(0, 300)}`,
      );
    }
    return result.stdout;
  }

  /** The lines of its log that `meshLines` keeps. */
  async meshLog(): Promise<string> {
    return meshLines(
      await this.cluster.kube.logs("kube-system", this.pod, "cilium-agent", { limitBytes: meshLogBytes }),
    );
  }

  async nodeList(): Promise<NodeEntry[]> {
    return parseNodeList(await this.run(["cilium-dbg", "node", "list", "-o", "json"]));
  }

  async remoteClusters(): Promise<RemoteClusterStatus[]> {
    return parseRemoteClusters(await this.run(["cilium-dbg", "status", "-o", "json"]));
  }

  /**
   * The last published matrix. `--probe` does not help: in 1.19 its handler returns the same cached report
   * (pkg/health/server/status.go), so each path's own time shows its freshness.
   */
  async health(): Promise<HealthReport> {
    return parseHealth(await this.run(["cilium-health", "status", "-o", "json"]));
  }

  async serviceList(): Promise<ServiceEntry[]> {
    return parseServiceList(await this.run(["cilium-dbg", "service", "list", "-o", "json"]));
  }

  async lbMaps(): Promise<Map<string, string[]>> {
    return parseLbMaps(await this.run(["cilium-dbg", "bpf", "lb", "list", "-o", "json"]));
  }

  async ipcache(): Promise<IpcacheEntry[]> {
    return parseIpcache(await this.run(["cilium-dbg", "bpf", "ipcache", "list", "-o", "json"]));
  }

  async endpoints(): Promise<EndpointEntry[]> {
    return parseEndpoints(await this.run(["cilium-dbg", "endpoint", "list", "-o", "json"]));
  }

  async identities(): Promise<IdentityEntry[]> {
    return parseIdentities(await this.run(["cilium-dbg", "identity", "list", "-o", "json"]));
  }

  /**
   * The largest packet that pods of its node send to other nodes: the MTU of the routes to pods, or where these have none
   * (native routing) of Cilium's device.
   */
  async routeMtu(): Promise<number> {
    const [, routed] = / dev cilium_host .*\bmtu (\d+)/.exec(await this.run(["ip", "-4", "route"])) ?? [];
    const mtu = Number(routed ?? (await this.run(["cat", "/sys/class/net/cilium_host/mtu"])));
    if (Number.isInteger(mtu) && mtu > 0) return mtu;
    throw new MeshproofError("evidence-malformed", `the agent of ${this.name} does not report an MTU`, {
      remedy: `look at \`ip route\` in the agent of ${this.node}`,
    });
  }

  /** The version that the running binary reports. */
  async version(): Promise<string> {
    const text = await this.run(["cilium-dbg", "version"]);
    return /Daemon:\s*(\S+)/.exec(text)?.[1] ?? /Client:\s*(\S+)/.exec(text)?.[1] ?? "unknown";
  }
}

export async function agentsOf(cluster: Cluster, signal: AbortSignal): Promise<Agent[]> {
  return (await cluster.agents()).map((at) => new Agent(cluster, at, signal));
}
