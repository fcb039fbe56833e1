import { z } from "zod";
import { hostPort } from "#harness/lib/cidr.ts";
import { durationMs } from "#harness/lib/duration.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { IpamState } from "#harness/model/agent-details.ts";
import type {
  EndpointEntry,
  FailingController,
  HealthReport,
  IdentityEntry,
  IpcacheEntry,
  NodeEntry,
  RemoteClusterStatus,
  ServiceEntry,
} from "#harness/model/snapshot.ts";

/**
 * Parsers for the output of Cilium's programs, live or in an archive. Every field that a verdict depends on is
 * required: output of another shape is `evidence-malformed`, never an empty list that passes.
 */

function parse<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MeshproofError("evidence-malformed", `${what}: not JSON: ${text.trim().slice(0, 120)}`, {
      cause: error,
    });
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new MeshproofError("evidence-malformed", `${what}: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  return result.data;
}

const nodeListSchema = z.array(
  z.object({
    name: z.string(),
    "health-endpoint-address": z
      .object({ ipv4: z.object({ ip: z.string().optional() }).optional() })
      .optional(),
    "primary-address": z.object({ ipv4: z.object({ ip: z.string(), "alloc-range": z.string().optional() }) }),
    "secondary-addresses": z.array(z.object({ ip: z.string() })).nullish(),
  }),
);

/** `cilium-dbg node list -o json`. */
export function parseNodeList(text: string): NodeEntry[] {
  return parse(nodeListSchema, text, "cilium-dbg node list").map((n) => {
    const range = n["primary-address"].ipv4["alloc-range"];
    return {
      name: n.name,
      addresses: [
        { ip: n["primary-address"].ipv4.ip, type: "InternalIP" },
        ...(n["secondary-addresses"] ?? []).map((a) => ({ ip: a.ip, type: "CiliumInternalIP" })),
      ],
      podCidrs: range === undefined ? [] : [range],
      healthIp: n["health-endpoint-address"]?.ipv4?.ip ?? "",
    };
  });
}

const remoteClusterSchema = z.object({
  name: z.string(),
  connected: z.boolean().default(false),
  ready: z.boolean().default(false),
  status: z.string().default(""),
  config: z
    .object({
      required: z.boolean().default(false),
      retrieved: z.boolean().default(false),
      "cluster-id": z.number().default(0),
      kvstoremesh: z.boolean().default(false),
    })
    .optional(),
  "num-nodes": z.number().default(0),
  "num-endpoints": z.number().default(0),
  "num-identities": z.number().default(0),
  "num-shared-services": z.number().default(0),
  "num-endpoint-slices": z.number().exactOptional(),
  synced: z
    .object({
      nodes: z.boolean().default(false),
      endpoints: z.boolean().default(false),
      identities: z.boolean().default(false),
      services: z.boolean().default(false),
      "endpoint-slices": z.boolean().exactOptional(),
    })
    .optional(),
});

const controllerSchema = z.object({
  name: z.string(),
  status: z.object({
    "consecutive-failure-count": z.number().default(0),
    "last-failure-msg": z.string().default(""),
  }),
});

const statusSchema = z.object({
  controllers: z.array(controllerSchema).nullish(),
  "cluster-mesh": z.object({ clusters: z.array(remoteClusterSchema).nullish() }).optional(),
});

/** The `cluster-mesh` part of `cilium-dbg status -o json`. */
export function parseRemoteClusters(text: string): RemoteClusterStatus[] {
  return (parse(statusSchema, text, "cilium-dbg status")["cluster-mesh"]?.clusters ?? []).map(remoteCluster);
}

/** The failing controllers in `cilium-dbg status -o json`. */
export function parseFailingControllers(text: string): FailingController[] {
  return (parse(statusSchema, text, "cilium-dbg status").controllers ?? [])
    .map(({ name, status }) => ({
      name,
      failures: status["consecutive-failure-count"],
      message: status["last-failure-msg"],
    }))
    .filter((c) => c.failures > 0);
}

const ipamSchema = z.object({
  ipam: z.object({
    status: z.string().default(""),
    allocations: z.record(z.string(), z.string()).nullish(),
  }),
});

/** A pool without a fixed size, as those of cloud providers, is left out (`Dump`, pkg/ipam of 1.20.2). */
const poolStatus = /(\d+)\/(\d+) allocated from ([^\s,]+)/g;

/** The `ipam` part of `cilium-dbg status -o json`. */
export function parseIpam(text: string): IpamState {
  const { status, allocations } = parse(ipamSchema, text, "cilium-dbg status").ipam;
  return {
    pools: [...status.slice(0, 4096).matchAll(poolStatus)].map(([, used, size, range = ""]) => ({
      ...{ used: Number(used), size: Number(size), range },
    })),
    // Of another pool than the default its name is before the address: `pool/10.2.1.7`.
    owners: Object.entries(allocations ?? {}).map(([ip, owner]) => ({ ip: ip.replace(/^.*\//, ""), owner })),
  };
}

/** `clustermesh-apiserver kvstoremesh-dbg status -o json`. */
export function parseKvstoreMesh(text: string): RemoteClusterStatus[] {
  return parse(z.array(remoteClusterSchema), text, "kvstoremesh-dbg status").map(remoteCluster);
}

function remoteCluster(c: z.infer<typeof remoteClusterSchema>): RemoteClusterStatus {
  const slices = c["num-endpoint-slices"];
  const { "endpoint-slices": slicesSynced, ...synced } = c.synced ?? {
    nodes: false,
    endpoints: false,
    identities: false,
    services: false,
  };
  return {
    name: c.name,
    connected: c.connected,
    ready: c.ready,
    status: c.status,
    config: {
      required: c.config?.required ?? false,
      retrieved: c.config?.retrieved ?? false,
      clusterId: c.config?.["cluster-id"] ?? 0,
      kvstoreMesh: c.config?.kvstoremesh ?? false,
    },
    counts: {
      nodes: c["num-nodes"],
      endpoints: c["num-endpoints"],
      identities: c["num-identities"],
      services: c["num-shared-services"],
      ...(slices === undefined ? {} : { endpointSlices: slices }),
    },
    synced: { ...synced, ...(slicesSynced === undefined ? {} : { endpointSlices: slicesSynced }) },
  };
}

const pathSchema = z
  .object({
    status: z.string().default(""),
    latency: z.number().default(0),
    lastProbed: z.string().default(""),
  })
  .optional();
const endpointSchema = z
  .object({ ip: z.string().default(""), icmp: pathSchema, http: pathSchema })
  .optional();
const healthSchema = z.object({
  local: z.object({ name: z.string() }),
  timestamp: z.string().default(""),
  probeInterval: z.string().default(""),
  // null from an agent that has just started and has probed no node; the check reports it as unknown.
  nodes: z
    .array(
      z.object({
        name: z.string(),
        host: z.object({ "primary-address": endpointSchema }).optional(),
        "health-endpoint": z.object({ "primary-address": endpointSchema }).optional(),
        endpoint: endpointSchema,
      }),
    )
    .nullable(),
});

/** `cilium-health status -o json`. */
export function parseHealth(text: string): HealthReport {
  const health = parse(healthSchema, text, "cilium-health status");
  const path = (p: z.infer<typeof pathSchema>) =>
    p === undefined ? undefined : { status: p.status, latencyNs: p.latency, lastProbed: p.lastProbed };
  const target = (e: z.infer<typeof endpointSchema>) => {
    if (e === undefined) return undefined;
    const icmp = path(e.icmp);
    const http = path(e.http);
    return { ip: e.ip, ...(icmp === undefined ? {} : { icmp }), ...(http === undefined ? {} : { http }) };
  };
  return {
    local: health.local.name,
    timestamp: health.timestamp,
    probeIntervalMs: durationMs(health.probeInterval) ?? 0,
    nodes: (health.nodes ?? []).map((n) => {
      const endpoint = target(n["health-endpoint"]?.["primary-address"] ?? n.endpoint);
      return {
        name: n.name,
        host: target(n.host?.["primary-address"]) ?? { ip: "" },
        ...(endpoint === undefined ? {} : { endpoint }),
      };
    }),
  };
}

const serviceListSchema = z.array(
  z.object({
    status: z.object({
      realized: z.object({
        "backend-addresses": z
          .array(z.object({ ip: z.string(), port: z.number(), state: z.string().default("") }))
          .nullish(),
        flags: z.object({
          name: z.string().default(""),
          namespace: z.string().default(""),
          type: z.string().default(""),
        }),
        "frontend-address": z.object({
          ip: z.string(),
          port: z.number(),
          protocol: z.string().default("TCP"),
        }),
      }),
    }),
  }),
);

/**
 * `cilium-dbg service list -o json`: the services that the agent intends to program; evidence beside the BPF maps.
 */
export function parseServiceList(text: string): ServiceEntry[] {
  return parse(serviceListSchema, text, "cilium-dbg service list").map(({ status: { realized } }) => ({
    frontend: hostPort(realized["frontend-address"]),
    protocol: realized["frontend-address"].protocol.toUpperCase(),
    type: realized.flags.type,
    name: realized.flags.name,
    namespace: realized.flags.namespace,
    backends: (realized["backend-addresses"] ?? []).map((b) => ({ ip: b.ip, port: b.port, state: b.state })),
  }));
}

const lbListSchema = z.record(z.string(), z.array(z.string()).nullable());

/** `cilium-dbg bpf lb list -o json`, from the maps: frontend to backend addresses, both `ip:port/PROTOCOL`. */
export function parseLbMaps(text: string): Map<string, string[]> {
  const maps = parse(lbListSchema, text, "cilium-dbg bpf lb list");
  const backends = new Map<string, string[]>();
  for (const [frontend, lines] of Object.entries(maps)) {
    const key = frontend.replace(/\s*\(\d+\)$/, "");
    const list = backends.get(key) ?? [];
    for (const line of lines ?? []) {
      const address = /^(\S+:\d+\/\w+)\s/.exec(line)?.[1] ?? /^(\S+:\d+)\s/.exec(line)?.[1];
      if (address !== undefined && !address.startsWith("0.0.0.0:0") && !address.startsWith("[::]:0"))
        list.push(address);
    }
    backends.set(key, list);
  }
  return backends;
}

const ipcacheSchema = z.record(z.string(), z.array(z.string()));

/** `cilium-dbg bpf ipcache list -o json`, from the map. */
export function parseIpcache(text: string): IpcacheEntry[] {
  return Object.entries(parse(ipcacheSchema, text, "cilium-dbg bpf ipcache list")).map(([cidr, values]) => {
    const value = values[0] ?? "";
    const identity = /identity=(\d+)/.exec(value)?.[1];
    const tunnelEndpoint = /tunnelendpoint=(\S+)/.exec(value)?.[1];
    if (identity === undefined)
      throw new MeshproofError(
        "evidence-malformed",
        `cilium-dbg bpf ipcache list: ${cidr} has no identity: ${value}`,
      );
    return { cidr, identity: Number(identity), tunnelEndpoint: tunnelEndpoint ?? "0.0.0.0" };
  });
}

const endpointListSchema = z.array(
  z.object({
    id: z.number(),
    status: z.object({
      identity: z.object({ labels: z.array(z.string()).nullish() }).optional(),
      policy: z
        .object({ realized: z.object({ "policy-enabled": z.string().default("none") }).optional() })
        .optional(),
    }),
  }),
);

/** `cilium-dbg endpoint list -o json`. */
export function parseEndpoints(text: string): EndpointEntry[] {
  return parse(endpointListSchema, text, "cilium-dbg endpoint list").map(({ id, status }) => ({
    id,
    labels: status.identity?.labels ?? [],
    policyEnforced: status.policy?.realized?.["policy-enabled"] ?? "none",
  }));
}

const identitySchema = z.array(z.object({ id: z.number(), labels: z.array(z.string()) }));

/** `cilium-dbg identity list -o json`. */
export function parseIdentities(text: string): IdentityEntry[] {
  return parse(identitySchema, text, "cilium-dbg identity list");
}
