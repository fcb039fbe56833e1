import type { Disruption, MeshEvent, TrafficGroup } from "#harness/model/certificate.ts";
import { type Connection, isKept, type Sample, type SampleOutcome } from "#harness/model/history.ts";
import { answeredOn } from "./connections.ts";

/** What one continuous stream recorded, on the harness's clock in Unix milliseconds. */
export interface StandingStream {
  readonly path: string;
  readonly connection: Connection;
  readonly startedAtUnixMs: number;
  /** Spacing of its requests at the full rate. */
  readonly everyMs: number;
  /** Those before the interval show the last good answer and its connection; they count for nothing else. */
  readonly samples: Iterable<Sample>;
  readonly group?: TrafficGroup;
  /** The node of the client; `outside` without one. */
  readonly client?: string;
  /** The clusters of its client and of its servers; events of others are not its causes. */
  readonly clusters?: readonly string[];
  /** The node of its server, if that is one pod; other paths may use any node of their clusters. */
  readonly server?: string;
  /** The node of what answered. */
  readonly nodeOf?: (servedBy: string) => string | undefined;
  /** The cluster whose policyDefaultLocalCluster decides whether the path is allowed. */
  readonly decidedBy?: string;
  /** Losses at the same time tell whether the mesh was to blame. */
  readonly controls?: readonly ControlLosses[];
}

/** When a path with no mesh in it lost something. */
export interface ControlLosses {
  readonly path: string;
  /** Only paths of this cluster are affected by it; every path without one. */
  readonly cluster?: string;
  readonly gaps: readonly { readonly sinceUnixMs: number; readonly untilUnixMs: number }[];
}

const kindOf = {
  new: "new connection",
  reused: "http keep-alive",
  tcp: "tcp heartbeat",
  udp: "udp flow",
  dns: "dns",
} as const satisfies Record<Connection, Disruption["kind"]>;

/**
 * An event up to this long before an outage may be its cause: an agent's pod may be gone that long before its
 * successor serves.
 */
export const causeMs = 20_000;
/** The API server reports a pod's end up to this long after it. */
const reportMs = 500;
const mostOutages = 5;
/** What disturbances cost must be known in full, so that it is not counted against the upgrade. */
const mostDisturbed = 50;
const mostEnds = 5;

/** Requests that were lost between two good answers; milliseconds since the start of the interval. */
interface Outage {
  readonly afterMs: number;
  readonly firstLostMs: number;
  readonly gapMs: number;
  readonly lost: number;
  /** Outcome and detail of the first of them. */
  readonly firstLoss: string;
  readonly servedBy: string | undefined;
}

interface Losses {
  readonly sent: number;
  readonly lost: number;
  /** The spacing of most of them; undefined without two requests in a row. */
  readonly everyMs: number | undefined;
  /** When a kept connection ended, since the start of the interval. */
  readonly endsMs: readonly number[];
  readonly outages: readonly Outage[];
}

/** Losses of a stream in an interval of Unix milliseconds; events are relative to its beginning. */
export function disruptionOf(
  stream: StandingStream,
  sinceUnixMs: number,
  untilUnixMs: number,
  events: readonly MeshEvent[],
): Disruption {
  const { sent, lost, everyMs, endsMs, outages } = lossesOf(stream, sinceUnixMs, untilUnixMs);
  const { group } = stream;
  const attributed = outages
    .toSorted((a, b) => b.gapMs - a.gapMs)
    .map((o) => attributedOutage(stream, o, events, sinceUnixMs));
  return {
    path: stream.path,
    ...(group === undefined ? {} : { group }),
    kind: kindOf[stream.connection],
    sent,
    lost,
    everyMs: everyMs ?? stream.everyMs,
    // Of the rounded gaps, so that those of disturbances can be taken off.
    lostMs: attributed.reduce((sum, o) => sum + o.gapMs, 0),
    longestGapMs: Math.max(0, ...attributed.map((o) => o.gapMs)),
    resets: endsMs.length,
    ...(endsMs.length === 0
      ? {}
      : {
          ends: most(
            endsMs.map((ms) => endOf(stream, ms, events)),
            mostEnds,
          ),
        }),
    outages: most(attributed, mostOutages),
  };
}

function attributedOutage(
  stream: StandingStream,
  o: Outage,
  events: readonly MeshEvent[],
  sinceUnixMs: number,
): Disruption["outages"][number] {
  const { client, controls = [] } = stream;
  const cause = eventBefore(stream, o.firstLostMs, events);
  const backend = backendOf(stream, o);
  const lossy = controls.filter((c) => concerns(c, stream) && overlaps(c, o, sinceUnixMs));
  return {
    afterMs: Math.round(o.afterMs),
    gapMs: Math.round(o.gapMs),
    lost: o.lost,
    cause: cause?.what ?? "",
    firstLostMs: Math.round(o.firstLostMs),
    firstLoss: o.firstLoss,
    ...(client === undefined ? {} : { client }),
    ...(backend === undefined ? {} : { backend }),
    ...(lossy.length === 0 ? {} : { controls: lossy.map((c) => c.path) }),
    ...(cause?.kind === "disturbance" ? { disturbance: true } : {}),
  };
}

/** The first few, and the first many of those that disturbances caused. */
function most<T extends { readonly disturbance?: boolean }>(all: readonly T[], few: number): T[] {
  let own = 0;
  let disturbed = 0;
  return all.filter((o) => {
    if (o.disturbance === true) {
      disturbed += 1;
      return disturbed <= mostDisturbed;
    }
    own += 1;
    return own <= few;
  });
}

/** The outages of a path with no mesh in it, in Unix milliseconds. */
export function controlLosses(
  stream: StandingStream & { readonly cluster?: string },
  sinceUnixMs: number,
  untilUnixMs: number,
): ControlLosses & { readonly sent: number; readonly lost: number } {
  const { sent, lost, outages } = lossesOf(stream, sinceUnixMs, untilUnixMs);
  return {
    path: stream.path,
    ...(stream.cluster === undefined ? {} : { cluster: stream.cluster }),
    gaps: outages.map((o) => ({
      sinceUnixMs: sinceUnixMs + o.afterMs,
      untilUnixMs: sinceUnixMs + o.afterMs + o.gapMs,
    })),
    sent,
    lost,
  };
}

/**
 * A gap lies between two good answers and contains a lost request: the spacing of the requests is none. An interval
 * begins with what was known at the end of the one before it: the last good answer and its connection.
 */
function lossesOf(stream: StandingStream, sinceUnixMs: number, untilUnixMs: number): Losses {
  const since = sinceUnixMs - stream.startedAtUnixMs;
  const until = untilUnixMs - stream.startedAtUnixMs;
  const ends = new ConnectionEnds(stream.connection);
  const pacing = new Pacing();
  const outages: Outage[] = [];
  let sent = 0;
  let lost = 0;
  const endsMs: number[] = [];
  let good: { readonly atMs: number; readonly servedBy: string | undefined } = {
    atMs: since,
    servedBy: undefined,
  };
  let open: { readonly firstLostMs: number; readonly firstLoss: string; lost: number } | undefined;
  const close = (atMs: number): void => {
    if (open !== undefined)
      outages.push({
        ...open,
        firstLostMs: open.firstLostMs - since,
        afterMs: good.atMs - since,
        gapMs: atMs - good.atMs,
        servedBy: good.servedBy,
      });
    open = undefined;
  };
  for (const s of stream.samples) {
    if (s.sentMs >= until) continue;
    const counts = s.sentMs >= since;
    if (counts) {
      sent += 1;
      pacing.add(s);
    }
    if (ends.ended(s) && counts) endsMs.push(s.sentMs - since);
    if (s.outcome === "ok") {
      if (counts) close(s.sentMs);
      good = { atMs: s.sentMs, servedBy: s.servedBy };
    } else if (counts) {
      lost += 1;
      open ??= { firstLostMs: s.sentMs, firstLoss: wordsOf(s), lost: 0 };
      open.lost += 1;
    }
  }
  close(until);
  return { sent, lost, everyMs: pacing.everyMs, endsMs, outages };
}

const wordsOf = ({ outcome, detail = "" }: Sample): string =>
  detail === "" ? outcome : `${outcome}: ${detail}`;

/** The most frequent spacing of requests: beside suites they are a multiple of the full rate's apart. */
class Pacing {
  readonly #steps = new Map<number, number>();
  #last: Sample | undefined;

  add(s: Sample): void {
    if (this.#last?.seq === s.seq - 1) {
      const step = Math.round(s.dueMs - this.#last.dueMs);
      this.#steps.set(step, (this.#steps.get(step) ?? 0) + 1);
    }
    this.#last = s;
  }

  get everyMs(): number | undefined {
    return [...this.#steps].toSorted(([, a], [, b]) => b - a)[0]?.[0];
  }
}

/** Recognises the ends of kept connections, each once. */
class ConnectionEnds {
  readonly #connection: Connection;
  /** The connection that answered last, and whether its end was counted already. */
  #last: string | undefined;
  #reported = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  ended(s: Sample): boolean {
    if (!isKept(this.#connection)) return false;
    const before = this.#reported;
    if (s.outcome === "ok") {
      // If a connection ended with nothing in flight, only the next answer shows it.
      const now = answeredOn(s);
      const changed = this.#last !== undefined && now !== this.#last;
      this.#last = now;
      this.#reported = false;
      return changed && !before;
    }
    // All requests in flight on a connection that ended count as one end.
    if (!tellsEnd(this.#connection, s.outcome)) return false;
    this.#reported = true;
    return !before;
  }
}

function endOf(
  stream: StandingStream,
  atMs: number,
  events: readonly MeshEvent[],
): NonNullable<Disruption["ends"]>[number] {
  const cause = eventBefore(stream, atMs, events);
  return {
    afterMs: Math.round(atMs),
    cause: cause?.what ?? "",
    ...(cause?.kind === "disturbance" ? { disturbance: true } : {}),
  };
}

/** A kept TCP connection survives timeouts; any other loss is its end, or that of the next connection. */
function tellsEnd(connection: Connection, outcome: SampleOutcome): boolean {
  return connection === "tcp" ? outcome !== "timeout" : outcome === "reset";
}

function backendOf({ nodeOf }: StandingStream, { servedBy }: Outage): string | undefined {
  if (servedBy === undefined) return undefined;
  const node = nodeOf?.(servedBy);
  return node === undefined ? servedBy : `${servedBy} on ${node}`;
}

type PathEnds = Pick<StandingStream, "decidedBy" | "clusters" | "client" | "server">;

/**
 * The last event before a time, if it was close enough: of the path's own clusters. Two explain a loss at any distance,
 * for as long as they last: a change of the meaning of the path's policy, and a node that is down on purpose and that the
 * path may use.
 */
export function eventBefore(
  path: PathEnds,
  atMs: number,
  events: readonly MeshEvent[],
): MeshEvent | undefined {
  const { decidedBy, clusters } = path;
  const until = events.filter((e) => e.afterMs <= atMs + reportMs);
  const meaning =
    decidedBy === undefined
      ? undefined
      : until.findLast((e) => e.kind === "policy meaning" && e.cluster === decidedBy);
  if (meaning !== undefined) return meaning;
  const own = until.filter(
    (e) => e.cluster === undefined || clusters === undefined || clusters.includes(e.cluster),
  );
  const lasting = own.findLast((e) => e.untilMs !== undefined && e.untilMs >= atMs && mayUse(path, e));
  if (lasting !== undefined) return lasting;
  const near = own.filter((e) => e.untilMs === undefined && e.afterMs >= atMs - causeMs);
  return near.findLast((e) => e.afterMs <= atMs) ?? near[0];
}

const mayUse = ({ client, server }: PathEnds, { node }: MeshEvent): boolean =>
  server === undefined || node === undefined || node === client || node === server;

const concerns = (control: ControlLosses, { path, clusters }: StandingStream): boolean =>
  control.path !== path &&
  (control.cluster === undefined || clusters === undefined || clusters.includes(control.cluster));

const overlaps = ({ gaps }: ControlLosses, o: Outage, sinceUnixMs: number): boolean =>
  gaps.some(
    (g) => g.sinceUnixMs < sinceUnixMs + o.afterMs + o.gapMs && g.untilUnixMs > sinceUnixMs + o.firstLostMs,
  );
