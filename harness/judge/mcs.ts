import { isDeepStrictEqual } from "node:util";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";

/** A port as ServiceImports and Services have it. */
export interface McsPort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
}

const shown = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));

/** A value of an imported service against the exported one's. */
export function judgeValue(what: string, actual: unknown, expected: unknown): Verdict {
  return failedBecause(
    isDeepStrictEqual(actual, expected) ? [] : [`${what}: ${shown(actual)} instead of ${shown(expected)}`],
  );
}

const inOrder = (ports: readonly McsPort[]): string[] =>
  ports
    .map((p) => [`${p.name ?? ""} ${p.port}/${p.protocol ?? "TCP"}`, p.appProtocol])
    .map((parts) => parts.filter((part) => part !== undefined).join(" "))
    .sort();

/** Ports have no order; a missing protocol means TCP. */
export function judgePorts(what: string, actual: readonly McsPort[], expected: readonly McsPort[]): Verdict {
  return judgeValue(what, inOrder(actual), inOrder(expected));
}

/** A condition that is missing is not the status `False`. */
export function judgeCondition(
  what: string,
  conditions: readonly Condition[],
  type: string,
  status: "True" | "False",
): Verdict {
  const condition = conditions.find((c) => c.type === type);
  const seen = condition === undefined ? "no such condition" : `${condition.status} (${condition.reason})`;
  return failedBecause(
    condition?.status === status ? [] : [`${what}: condition ${type} is not ${status}: ${seen}`],
  );
}

/** Labels or annotations: all that are exported, and none of `withheld`. */
export function judgeExported(
  what: string,
  actual: Readonly<Record<string, string>>,
  {
    exported,
    withheld,
  }: { readonly exported: Readonly<Record<string, string>>; readonly withheld: readonly string[] },
): Verdict {
  return failedBecause([
    ...Object.entries(exported)
      .filter(([key, value]) => actual[key] !== value)
      .map(([key, value]) => `${what}: ${key} is ${shown(actual[key])} instead of ${shown(value)}`),
    ...withheld.filter((key) => key in actual).map((key) => `${what}: should not have ${key}`),
    ...(Object.keys(exported).length === 0 ? [`${what}: nothing is expected, which proves nothing`] : []),
  ]);
}

/** SRV records: one for each expected target, whose name begins as expected, with the right port. */
export function judgeSrv(
  what: string,
  actual: readonly SrvRecord[],
  expected: readonly SrvRecord[],
): Verdict {
  const fits = (a: SrvRecord, e: SrvRecord): boolean => a.port === e.port && a.name.startsWith(e.name);
  const text = ({ name, port }: SrvRecord): string => `${name}:${port}`;
  return failedBecause([
    ...expected.filter((e) => !actual.some((a) => fits(a, e))).map((e) => `${what}: missing ${text(e)}`),
    ...actual
      .filter((a) => !expected.some((e) => fits(a, e)))
      .map((a) => `${what}: should not have ${text(a)}`),
    ...(expected.length === 0 ? [`${what}: nothing is expected, which proves nothing`] : []),
  ]);
}

interface McsSlice {
  readonly name: string;
  /** `IPv4` or `IPv6`. */
  readonly family: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface WantedSlices {
  readonly service: string;
  readonly source: string;
  readonly families: readonly string[];
}

/** A cluster's EndpointSlices of an imported service: one at least of each address family, all labelled as MCS-API requires. */
export function judgeSlices(cluster: string, slices: readonly McsSlice[], wanted: WantedSlices): Verdict {
  const { service, source, families } = wanted;
  return failedBecause([
    ...families
      .filter((family) => !slices.some((s) => s.family === family))
      .map((family) => `${cluster}: no ${family} EndpointSlice of ${service} from ${source}`),
    ...slices.flatMap((s) => judgeSliceLabels(`${cluster}/${s.name}`, s.labels, wanted).reasons),
    ...(families.length === 0
      ? [`${cluster}: service ${service} of ${source} has no address family, which proves nothing`]
      : []),
  ]);
}

function judgeSliceLabels(
  what: string,
  labels: Readonly<Record<string, string>>,
  { service, source }: WantedSlices,
): Verdict {
  const manager = labels["endpointslice.kubernetes.io/managed-by"];
  return failedBecause([
    ...judgeValue(`${what}: service`, labels["multicluster.kubernetes.io/service-name"], service).reasons,
    ...judgeValue(`${what}: source cluster`, labels["multicluster.kubernetes.io/source-cluster"], source)
      .reasons,
    ...(manager === undefined || manager === "endpointslice-controller.k8s.io"
      ? [`${what}: managed by ${manager ?? "nobody"}, not by a controller of MCS-API`]
      : []),
  ]);
}
