import type { LabStatus } from "#harness/jobs/status.ts";
import { ciliumCliLine } from "./cilium-cli-line.ts";
import { defineCommand } from "./command.ts";
import { flag, json, lab } from "./options.ts";

export const status = defineCommand({
  name: "status",
  help: "show the lab: clusters, nodes, versions, contexts",
  options: {
    ...lab,
    allOwners: flag(
      "--all-owners",
      "show the labs of every user and state folder on this Docker daemon instead",
    ),
    ...json,
  },
  async run({ options, session }) {
    if (options.allOwners) {
      const { labOfOwnerLines, labsOfAllOwners } = await import("#harness/lab/all-labs.ts");
      const labs = await labsOfAllOwners();
      if (options.json) return session.json({ labs });
      for (const line of labOfOwnerLines(labs)) session.say(line);
      return;
    }
    const { labStatus } = await import("#harness/jobs/status.ts");
    const { kubectlOf } = await import("./lab-lines.ts");
    const status = await labStatus(options.lab, session.signal);
    if (options.json) return session.json(status);
    for (const line of statusLines(status, kubectlOf)) session.say(line);
  },
});

function statusLines(
  { lab, mesh, imageSource, tuning, calibrationMs, ciliumCli, certification, clusters }: LabStatus,
  kubectlOf: (cluster: LabStatus["clusters"][number]) => string,
): string[] {
  const connected = mesh.connected ? "every agent connected" : "NOT every agent connected";
  return [
    `lab ${lab}, profile ${mesh.profile}, images from ${imageSource}, clustermesh-apiserver as ${mesh.serviceType}, ${connected}`,
    `${tuning}; calibration task: ${calibrationMs === undefined ? "not measured" : `${calibrationMs.toFixed(0)} ms`}`,
    ...(ciliumCli === undefined ? [] : [ciliumCliLine(ciliumCli)]),
    ...(certification === undefined ? [] : [certification]),
    ...clusters.flatMap((c) => [
      `${c.name} (id ${c.id}): Cilium ${c.versions.cilium}, Kubernetes ${c.versions.kubernetes}, pods ${c.podCidr}, services ${c.serviceCidr}`,
      `  ${kubectlOf(c)}`,
      ...c.nodes.map((n) => `  ${n.name} ${n.address} ${n.role}${n.running ? "" : " NOT RUNNING"}`),
      ...c.remotes.map((r) => `  ${r.agent} -> ${r.cluster}: ${r.ready ? "ready" : "NOT ready"} ${r.status}`),
    ]),
  ];
}
