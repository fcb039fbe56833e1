import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Meshing, MeshingCommand } from "#harness/model/meshing.ts";
import type { CiliumCli } from "#harness/platform/cilium-cli.ts";
import type { MeshInstaller } from "../mesh-installer.ts";
import {
  type Addition,
  additions,
  type CliCluster,
  type CliStep,
  checkOutput,
  connectedStep,
  connectStep,
  enabledStep,
  enableStep,
  statusStep,
} from "./cli-steps.ts";

/** The document's commands in its order: status, `enable` in each cluster, status, one `connect`, status. */
export async function meshByCli(installer: MeshInstaller, cli: CiliumCli): Promise<Meshing> {
  const { clusters, progress } = installer;
  const { withinMs } = installer.waiting;
  const commands: MeshingCommand[] = [];
  const run = async (step: CliStep, on: readonly Cluster[]): Promise<void> => {
    const { output, found } = checkOutput(step, await cli.run({ argv: step.argv, clusters: on }));
    commands.push({ command: `cilium ${step.argv.join(" ")}`, output, found });
  };
  const known = new Map<Cluster, CliCluster>();
  for (const c of clusters) known.set(c, await describe(c));
  const all = [...known];
  const used = new Set<Addition>([
    "waitDuration",
    "notInteractive",
    "helmCertificates",
    "meshConfig",
    "everyStatus",
  ]);
  await progress.step(
    `cilium status --wait and clustermesh enable in each cluster (CLI ${cli.version})`,
    async () => {
      for (const [c, of] of all) await run(statusStep(of, withinMs), [c]);
      for (const [c, of] of all) await run(enableStep(of), [c]);
      for (const c of clusters) await installer.change(c, afterEnable);
    },
    { expectMs: 60_000 },
  );
  await progress.step(
    "cilium clustermesh status --wait and connect",
    async () => {
      for (const [c, of] of all) await run(enabledStep(of, withinMs), [c]);
      for (const [i, [from, source]] of all.entries())
        for (const [to, destination] of all.slice(i + 1)) {
          const refuses = await cli.refusesMismatchingCa(from);
          if (refuses) used.add("mismatchingCa");
          await run(connectStep(source, destination, refuses), [from, to]);
        }
    },
    { expectMs: 90_000 },
  );
  await progress.step(
    "cilium clustermesh status --wait in each cluster",
    async () => {
      for (const [c, of] of all) {
        const peers = all.filter(([other]) => other !== c).map(([, peer]) => peer);
        await run(connectedStep(of, peers, withinMs), [c]);
      }
    },
    { expectMs: 90_000 },
  );
  return { by: `Cilium CLI ${cli.version}`, added: [...used].map((name) => additions[name]), commands };
}

/** The additions `helmCertificates` and `meshConfig`. */
const afterEnable = {
  clustermesh: { config: { enabled: true }, apiserver: { tls: { auto: { method: "helm" } } } },
};

async function describe(cluster: Cluster): Promise<CliCluster> {
  return {
    name: cluster.name,
    context: cluster.context,
    nodes: (await cluster.nodes()).length,
    hasKvstoreMesh: cluster.capabilities.hasKvstoreMesh,
  };
}
