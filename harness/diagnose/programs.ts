import type { Finding } from "#harness/model/finding.ts";
import type { AgentState, ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known } from "./parts.ts";
import { restartAgent } from "./repairs.ts";

/** A program that an agent attaches wherever it attaches its partner, and what does not work without it. */
interface Needed {
  readonly program: string;
  readonly partner: string;
  readonly effect: string;
}

/** pkg/datapath/loader/{netdev,host,overlay}.go@1.20.2: the second of each pair may be left out, the first is not. */
const needed: readonly Needed[] = [
  {
    program: "cil_from_netdev",
    partner: "cil_to_netdev",
    effect:
      "nothing that arrives there is served: node ports (clustermesh-apiserver's among them), load balancer addresses, external IPs",
  },
  {
    program: "cil_from_overlay",
    partner: "cil_to_overlay",
    effect: "tunnelled packets that arrive from other nodes do not reach its pods",
  },
  { program: "cil_from_host", partner: "cil_to_host", effect: "the node does not reach its pods" },
  { program: "cil_to_host", partner: "cil_from_host", effect: "its pods do not reach the node" },
];

/** An agent attaches its programs when it starts: what another program or a restart of the network removes stays away. */
export function programs(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    cluster.agents.flatMap((agent) =>
      missingOf(cluster, agent).map(({ device, program, effect }) =>
        findingOf("program-detached", {
          cluster: cluster.name,
          subject: `node ${agent.node}`,
          message: `Cilium's program ${program} is not attached to ${device} of node ${agent.node} of ${cluster.name}: ${effect}`,
          next: `${restartAgent(cluster, agent.node)}; then find what removed its pin: another eBPF agent (security software), or what cleans or mounts /sys/fs/bpf`,
        }),
      ),
    ),
  );
}

interface Missing {
  readonly device: string;
  readonly program: string;
  readonly effect: string;
}

function missingOf(cluster: ClusterSnapshot, agent: AgentState): Missing[] {
  const devices = known(agent.programs);
  const missing = devices.flatMap(({ device, programs: attached }) =>
    needed
      // cilium_net never has both.
      .filter((n) => device !== "cilium_net" && attached.includes(n.partner) && !attached.includes(n.program))
      .map(({ program, effect }) => ({ device, program, effect })),
  );
  const isAttached = devices.some((d) =>
    needed.some((n) => d.programs.includes(n.program) || d.programs.includes(n.partner)),
  );
  if (missing.length > 0 || !isAttached) return missing;
  // Both of a pair may be gone: then other nodes of the cluster show which device it is.
  const has = (a: AgentState, device: string, program: string): boolean =>
    known(a.programs).some((d) => d.device === device && d.programs.includes(program));
  return cluster.agents
    .flatMap((other) =>
      known(other.programs).flatMap(({ device, programs: attached }) =>
        needed
          .filter(
            ({ program }) =>
              attached.includes(program) &&
              !has(agent, device, program) &&
              !devices.some((d) => d.programs.includes(program)),
          )
          .map(({ program, effect }) => ({ device, program, effect })),
      ),
    )
    .filter((m, i, all) => all.findIndex((n) => n.program === m.program) === i);
}
