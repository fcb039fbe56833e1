import { randomBytes } from "node:crypto";
import { makeCa, serverCertificate } from "#harness/cilium/install/ca.ts";
import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { steadyUnixMs } from "#harness/lib/clock.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type HoldLine, type HoldSpec, holdLineFormat } from "#harness/model/probe-wire.ts";
import { containerAddress, execIn, execLines } from "#harness/platform/docker.ts";
import type { SuiteFault } from "../fault.ts";
import type { Held, PlantedDelay } from "./planted-delay.ts";
import { toZero } from "./scale.ts";

const webhookPort = 9443;
const reportedMs = 20;
const requestMs = 10;

interface SlicesHold {
  /** The cluster that loses its backends. */
  readonly cluster: Cluster;
  readonly deployment: string;
  /** The service whose slices the record counts; the webhook holds those of others in parallel. */
  readonly service: string;
  /** A container outside the clusters, in which the webhook runs. */
  readonly container: string;
  readonly holdMs: number;
}

/** Scales a deployment to zero while an admission webhook delays every change of its cluster's EndpointSlices. */
export function slicesHeld({ cluster, deployment, service, container, holdMs }: SlicesHold): PlantedDelay {
  const held: (Held & { readonly slice: string })[] = [];
  const fault: SuiteFault = {
    name: "slices-held",
    group: "control-plane",
    needs: "clusters created by Meshproof",
    does: `delays changes of EndpointSlices in ${cluster.name} by ${holdMs} ms`,
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
        delayMs: holdMs,
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
          else held.push(heldBy(reported));
        },
      );
      const end = async (): Promise<void> => {
        // The process in the container outlives the client that started it.
        await execIn(container, ["node", "/prober/main.mjs", "end", name], { tolerate: true });
        server.kill();
      };
      try {
        await eventually(async () => (listening ? ready(undefined) : notYet("no line")), {
          what: "the webhook to listen",
          withinMs: preparedWithinMs,
          everyMs: 50,
          signal: ctx.signal,
        });
        await ctx.recordUndo({ do: "remove", cluster: cluster.name, kind: "validatingWebhook", name });
        await kube.apply(webhook(name, ctx.namespace, address, ca.cert));
        // The API server starts to use a webhook only after a while: changes a slice of its own until one is delayed.
        await untilHeld(cluster, ctx.namespace, held, ctx.signal);
        const subject = await toZero(ctx, kube, ctx.namespace, deployment);
        return { subject, names: [cluster.name], beforeHeal: end };
      } catch (error) {
        await end();
        throw error;
      }
    },
  };
  return {
    fault,
    // Changes that were delayed between the fault and the boundary; one may be answered just after it was reported.
    added: ({ faultUnixMs, boundaryUnixMs }) => ({
      ms: held
        .filter((h) => h.slice.startsWith(`${service}-`))
        .filter((h) => h.fromUnixMs >= faultUnixMs && h.untilUnixMs <= boundaryUnixMs + reportedMs)
        .reduce((sum, h) => sum + h.untilUnixMs - h.fromUnixMs, 0),
      // The time of the request and its answer is not in the webhook's record.
      errorMs: requestMs,
    }),
  };
}

/** The container stamps with the wall clock. */
function heldBy({ name, heldMs, untilUnixMs }: Extract<HoldLine, { name: string }>) {
  const until = steadyUnixMs(untilUnixMs);
  return { slice: name, fromUnixMs: until - heldMs, untilUnixMs: until };
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
