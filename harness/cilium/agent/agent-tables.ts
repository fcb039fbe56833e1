import type { LocalNode } from "#harness/cluster/node.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { before } from "#harness/lib/names.ts";
import { execLines } from "#harness/platform/docker.ts";

const socket = "/var/run/cilium/cilium.sock";

/**
 * Follows one of the agent's internal tables: cilium-agent streams every change over its socket, one JSON object per
 * line (statedb's `changes` handler, the source of `cilium-dbg statedb`). The stream omits a change that another of
 * the same object follows immediately. Lines are stamped on arrival.
 */
function followTable(
  node: LocalNode,
  table: "frontends" | "backends",
  onLine: (line: string, atUnixMs: number) => void,
): { readonly kill: () => void } {
  const url = `http://localhost/statedb/changes/${table}`;
  // The shell ends curl when its standard input closes: a program in a container outlives the client that started it.
  const script = `curl -sN --unix-socket ${socket} ${url} & read -r _; kill $!`;
  return execLines(node.container, ["sh", "-c", script], (line) => onLine(line, unixNowMs()));
}

/** One change of a service's frontend, with the agent's own timestamp. */
export interface FrontendChange {
  /** `Pending`: the agent knows; `Done`: its BPF maps hold it; `Error`: the write to the maps failed. */
  readonly status: "Pending" | "Done" | "Error";
  readonly atUnixMs: number;
  /** `ip:port` of the active backends. */
  readonly active: readonly string[];
}

/** Follows a frontend: the state of its reconciler, and when it changed. */
export function followFrontend(
  node: LocalNode,
  frontend: { readonly address: string; readonly port: number; readonly protocol: "TCP" | "UDP" },
  onChange: (change: FrontendChange, arrivedUnixMs: number) => void,
): { readonly kill: () => void } {
  const expected = `${frontend.address}:${frontend.port}/${frontend.protocol}`;
  return followTable(node, "frontends", (line, arrivedUnixMs) => {
    // Most lines are of other services, so a cheap check comes first.
    if (!line.includes(expected)) return;
    const change = parseFrontend(line, expected);
    if (change !== undefined) onChange(change, arrivedUnixMs);
  });
}

/** Follows a service's backends on one port: `ip:port` of the active ones, after each change. */
export function followBackends(
  node: LocalNode,
  service: { readonly name: string; readonly port: number },
  onChange: (active: readonly string[], atUnixMs: number) => void,
): { readonly kill: () => void } {
  // From 1.20 on a backend that several sources know has a row for each.
  const rows = new Set<string>();
  const activeNow = (): string[] => [...new Set([...rows].map((row) => before(row, " ")))];
  return followTable(node, "backends", (line, atUnixMs) => {
    if (!line.includes(`:${service.port}/TCP`)) return;
    const change = parseBackend(line, service.name);
    if (change?.address.endsWith(`:${service.port}`) !== true) return;
    const row = `${change.address} ${change.source}`;
    const old = activeNow();
    if (change.active) rows.add(row);
    else rows.delete(row);
    const now = activeNow();
    if (now.length !== old.length) onChange(now, atUnixMs);
  });
}

interface BackendRow {
  readonly obj?: {
    readonly Address?: string;
    /** Until 1.19: a backend of all its services. */
    readonly Instances?:
      | readonly { readonly k: { readonly ServiceName: string }; readonly v: { readonly State: number } }[]
      | null;
    /** From 1.20 on: one row for each service, address and source. */
    readonly ServiceName?: string;
    readonly Source?: string;
    readonly State?: number;
  };
  readonly deleted?: boolean;
}

/**
 * A backend and whether it is active for a service; undefined for a row of another service, or a line that is none.
 * Cilium's pkg/loadbalancer/backend.go, 1.18 to 1.20.
 */
export function parseBackend(
  line: string,
  service: string,
): { readonly address: string; readonly source: string; readonly active: boolean } | undefined {
  const row = parseRow<BackendRow>(line);
  if (row?.obj?.Address === undefined) return undefined;
  const { Address, ServiceName, Source = "", State, Instances } = row.obj;
  if (ServiceName !== undefined && ServiceName !== service) return undefined;
  const state =
    ServiceName === undefined ? Instances?.find((i) => i.k.ServiceName === service)?.v.State : State;
  return {
    address: Address.replace(/\/\w+$/, ""),
    source: Source,
    active: row.deleted !== true && state === 0,
  };
}

function parseRow<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
}

interface FrontendRow {
  readonly obj?: {
    readonly Address?: string;
    readonly Status?: { readonly kind?: string; readonly "updated-at"?: string };
    readonly Backends?: readonly { readonly Address: string; readonly State: number }[] | null;
  };
}

/** Undefined for another frontend or a malformed line. */
export function parseFrontend(line: string, expected: string): FrontendChange | undefined {
  const row = parseRow<FrontendRow>(line);
  const { Address, Status, Backends } = row?.obj ?? {};
  const status = Status?.kind;
  if (Address !== expected || (status !== "Pending" && status !== "Done" && status !== "Error"))
    return undefined;
  return {
    status,
    atUnixMs: parseStamp(Status?.["updated-at"] ?? ""),
    active: (Backends ?? []).filter((b) => b.State === 0).map((b) => b.Address.replace(/\/\w+$/, "")),
  };
}

/** Parses RFC 3339 with up to nine decimals; `Date` keeps only three. */
function parseStamp(text: string): number {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  return Date.parse(text.replace(/\.\d+/, "")) + Number(`0.${fraction === "" ? 0 : fraction}`) * 1000;
}
