// For unit tests: a cluster of one node, and flows of its client.
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { AskAnswer, AskSpec } from "#harness/model/probe-wire.ts";
import type { Flow } from "#harness/workloads/flows.ts";

const prober = {
  metadata: { name: "prober", uid: "1" },
  spec: { nodeName: "node-1" },
  status: { podIP: "10.1.0.7", conditions: [{ type: "Ready", status: "True" }] },
};

/** A cluster `east`, whose prober answers each program that it is started for: a list for each target. */
export function clusterAnswering(answersTo: (spec: AskSpec) => readonly (readonly AskAnswer[])[]): Cluster {
  const kube = {
    cluster: "east",
    list: async ({ plural }: { readonly plural: string }) =>
      plural === "nodes" ? [{ metadata: { name: "node-1" } }] : [prober],
    exec: async ({ argv }: { readonly argv: readonly string[] }) => {
      const answers = answersTo(JSON.parse(argv[3] ?? "") as AskSpec);
      return { exitCode: 0, stdout: JSON.stringify({ answers }), stderr: "" };
    },
  };
  return { name: "east", kube } as unknown as Cluster;
}

export const exampleFlow = (cluster: Cluster, port: number): Flow => ({
  client: { cluster, namespace: "n", pod: "client" },
  protocol: "http",
  host: "10.2.0.5",
  port,
  from: "east/client",
  to: `west/server (10.2.0.5:${port}/http)`,
});
