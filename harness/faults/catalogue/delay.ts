import { randomBytes } from "node:crypto";
import { makeCa, serverCertificate } from "#harness/cilium/install/ca.ts";
import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { continueAt, continueProcesses, stopProcesses } from "#harness/cluster/kind/node-control.ts";
import { isReady, ownEndpoints } from "#harness/kube/endpoint-slices.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { eventually, notYet, pause, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type HoldSpec, holdLineFormat } from "#harness/model/probe-wire.ts";
import { containerAddress, execIn, execLines } from "#harness/platform/docker.ts";
import type { Injected, SuiteFault, SuiteFaultContext } from "../fault.ts";
import { agentProcess } from "./control-plane.ts";
import { toZero } from "./scale.ts";

/** An interval of delay that a fault added, from its own record, on the harness's clock. */
export interface Held {
  readonly fromUnixMs: number;
  readonly untilUnixMs: number;
}

/** A fault that adds a known delay to one link of the chain, and records the delay that it really added. */
export interface Delay {
  readonly fault: SuiteFault;
  record(): readonly Held[];
}

const webhookPort = 9443;

/** An admission webhook that delays every change of the namespace's EndpointSlices in a cluster. */
export function slicesHeld(cluster: Cluster, container: string, delayMs: number): Delay {
  const held: Held[] = [];
  const fault: SuiteFault = {
    name: "slices-held",
    group: "control-plane",
    needs: "clusters created by Meshproof",
    does: `delays changes of EndpointSlices in ${cluster.name} by ${delayMs} ms`,
    needsNamespace: true,
    async inject(ctx) {
      const { kube } = cluster;
      const name = `meshproof-hold-${randomBytes(3).toString("hex")}`;
      const address = await containerAddress(container, requireKind(cluster, "slices-held").network);
      const ca = await makeCa("Meshproof webhook CA");
      const valid = { fromMs: Date.now() - 3_600_000, untilMs: Date.now() + 86_400_000 };
      const spec: HoldSpec = {
        mark: name,
        port: webhookPort,
        delayMs,
        ...(await serverCertificate(ca, address, { ips: [address] }, valid)),
      };
      let listening = false;
      const server = execLines(
        container,
        ["node", "/prober/main.mjs", "hold", JSON.stringify(spec)],
        (line) => {
          const reported = parseRecord(line, holdLineFormat, {
            what: `a line of the webhook ${name}`,
            remedy: "run it again",
            code: "probe-failed",
          });
          if ("listening" in reported) listening = true;
          else
            held.push({
              fromUnixMs: reported.untilUnixMs - reported.heldMs,
              untilUnixMs: reported.untilUnixMs,
            });
        },
      );
      await eventually(async () => (listening ? ready(undefined) : notYet("no line")), {
        what: "the webhook to listen",
        withinMs: preparedWithinMs,
        everyMs: 50,
        signal: ctx.signal,
      });
      await ctx.recordUndo({ do: "remove", cluster: cluster.name, kind: "validatingWebhook", name });
      await kube.apply(webhook(name, ctx.namespace, address, ca.cert));
      return {
        subject: `the EndpointSlices of ${cluster.name}`,
        names: [cluster.name],
        // The API server starts to use a webhook only after a while: changes a slice of its own until one is delayed.
        tookHold: () => untilHeld(cluster, ctx.namespace, held, ctx.signal),
        async beforeHeal() {
          // The process in the container outlives the client that started it.
          await execIn(container, ["node", "/prober/main.mjs", "end", name], { tolerate: true });
          server.kill();
        },
      };
    },
  };
  return { fault, record: () => held };
}

function webhook(name: string, namespace: string, address: string, ca: string): KubeObject {
  return {
    apiVersion: kinds.validatingWebhook.apiVersion,
    kind: kinds.validatingWebhook.kind,
    metadata: { name },
    webhooks: [
      {
        name: "hold.meshproof.io",
        clientConfig: {
          url: `https://${address}:${webhookPort}/`,
          caBundle: Buffer.from(ca).toString("base64"),
        },
        rules: [
          {
            apiGroups: ["discovery.k8s.io"],
            apiVersions: ["v1"],
            operations: ["UPDATE"],
            resources: ["endpointslices"],
          },
        ],
        // Only the services' own slices; the one that measures the delay of watches is excluded.
        objectSelector: { matchExpressions: [{ key: "kubernetes.io/service-name", operator: "Exists" }] },
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        failurePolicy: "Ignore",
        sideEffects: "None",
        timeoutSeconds: 5,
        admissionReviewVersions: ["v1"],
      },
    ],
  };
}

async function untilHeld(
  { kube }: Cluster,
  namespace: string,
  held: readonly Held[],
  signal: AbortSignal,
): Promise<void> {
  let round = 0;
  const name = "meshproof-hold";
  const slice = (): KubeObject => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace,
      labels: { "kubernetes.io/service-name": name },
      annotations: { "meshproof.io/round": String(round++) },
    },
    addressType: "IPv4",
    endpoints: [],
    ports: [],
  });
  try {
    await eventually(
      async () => {
        await kube.apply(slice());
        return held.length > 0 ? ready(undefined) : notYet(`${round} changes were not delayed`);
      },
      { what: "the API server to call the webhook", withinMs: preparedWithinMs, everyMs: 200, signal },
    );
  } finally {
    await kube.remove(kinds.endpointSlice, namespace, name);
  }
}

interface AgentHold {
  readonly cluster: Cluster;
  /** The node whose agent is stopped. */
  readonly node: string;
  readonly deployment: string;
  readonly service: string;
  readonly holdMs: number;
}

/**
 * Scales a deployment to zero while an agent is stopped (SIGSTOP), until `holdMs` after the EndpointSlices lost their
 * last ready endpoint.
 */
export function agentHeld({ cluster, node, deployment, service, holdMs }: AgentHold): Delay {
  const held: Held[] = [];
  const fault: SuiteFault = {
    name: "agent-held",
    group: "control-plane",
    needs: "clusters created by Meshproof",
    does: `stops the agent of ${node} until ${holdMs} ms after the EndpointSlice changed`,
    needsNamespace: true,
    async inject(ctx) {
      const target = requireKind(cluster, "agent-held").node(node);
      await ctx.recordUndo({ do: "continue", node, process: agentProcess });
      await stopProcesses(target, agentProcess, ctx.signal);
      try {
        return await holdAgent(ctx, target);
      } finally {
        // Recorded first, because other steps wait for pods on its node.
        await continueProcesses(target, agentProcess, AbortSignal.timeout(20_000));
      }
    },
  };
  const holdAgent = async (ctx: SuiteFaultContext, target: KindNode): Promise<Injected> => {
    const { kube } = cluster;
    const subject = await toZero(ctx, kube, ctx.namespace, deployment);
    await kube.until(
      kinds.endpointSlice,
      { namespace: ctx.namespace, labelSelector: `kubernetes.io/service-name=${service}` },
      (slices) => {
        const left = ownEndpoints(slices).filter(isReady).length;
        return left === 0 ? ready(undefined) : notYet(`${left} endpoints are ready`);
      },
      { what: "the EndpointSlices to be empty", withinMs: preparedWithinMs, signal: ctx.signal },
    );
    const fromUnixMs = unixNowMs();
    await pause(holdMs, ctx.signal);
    const untilUnixMs = await continueAt(target, agentProcess, ctx.signal);
    held.push({ fromUnixMs, untilUnixMs });
    return { subject, names: [cluster.name, node] };
  };
  return { fault, record: () => held };
}
