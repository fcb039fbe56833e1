import type { Cluster } from "#harness/cluster/cluster.ts";
import type { AskAnswer, AskTarget } from "#harness/model/probe-wire.ts";
import { askFrom, type Vantage } from "./vantage.ts";

/** Requests of one client pod to one address and port, by one protocol. */
export interface Flow {
  readonly client: {
    readonly cluster: Cluster;
    readonly namespace: string;
    readonly pod: string;
    /** `prober` by default. */
    readonly container?: string;
  };
  readonly protocol: AskTarget["protocol"];
  readonly host: string;
  readonly port: number;
  /** `east/denied` or `east/node`, and `west/server (10.2.1.7:8080/http)`. */
  readonly from: string;
  readonly to: string;
}

export const flowName = ({ from, to }: Pick<Flow, "from" | "to">): string => `${from} -> ${to}`;

/** Of one flow, in the order of sending where that has an interval. */
export type Answers = readonly AskAnswer[];

export interface FlowAsking {
  /** Of each flow. */
  readonly count: number;
  /** The interval between a flow's requests; as fast as answers come without it. */
  readonly everyMs?: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Sends requests on all flows at once; one list of answers for each flow, in order. One process for each client pod. */
export async function askFlows(
  flows: readonly Flow[],
  { count, everyMs, timeoutMs, signal }: FlowAsking,
): Promise<readonly Answers[]> {
  const byClient = Map.groupBy(flows, ({ client }) =>
    [client.cluster.name, client.namespace, client.pod].join("/"),
  );
  const answers = new Map<Flow, Answers>();
  await Promise.all(
    [...byClient.values()].map(async (own) => {
      const [{ client }] = own as [Flow, ...Flow[]];
      const reply = await askFrom(
        client.cluster.kube,
        client,
        {
          asks: own.map(({ protocol, host, port }) => ({
            protocol,
            host,
            port,
            path: protocol === "udp" ? "hostname" : "/hostname",
            count,
          })),
          timeoutMs,
          concurrency: 8,
          ...(everyMs === undefined ? {} : { everyMs }),
        },
        signal,
      );
      for (const [i, flow] of own.entries()) answers.set(flow, reply.answers[i] ?? []);
    }),
  );
  return flows.map((flow) => answers.get(flow) ?? []);
}

/** The flows from some prober pods of a cluster to a service's address, by both protocols. */
export const serviceFlows = (
  cluster: Cluster,
  vantages: readonly Vantage[],
  service: { readonly name: string; readonly ip: string; readonly http: number; readonly udp?: number },
): Flow[] =>
  vantages.flatMap((vantage) =>
    (["http", "udp"] as const).flatMap((protocol): Flow[] => {
      const port = service[protocol];
      if (port === undefined) return [];
      return [
        {
          client: { cluster, namespace: vantage.namespace, pod: vantage.pod },
          protocol,
          host: service.ip,
          port,
          from: `${cluster.name}/${vantage.node}`,
          to: `service ${service.name} (${service.ip}:${port}/${protocol})`,
        },
      ];
    }),
  );
