import { parse as parseYaml } from "yaml";
import type { KubeObject } from "#harness/kube/kube.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";
import { cutOffList, cutOffText, cutOffValue } from "./cut-off.ts";
import { mib } from "./intake.ts";

/** An object of an API server is smaller; parsed YAML takes many times its length in memory. */
const mostObjectLength = 4 * 1024 ** 2;
/** A file whose objects cannot be separated is parsed as a whole. */
const mostWholeLength = 16 * 1024 ** 2;
/** More than any level of an object; the parser is recursive. */
const deepest = 200;

/**
 * The value of a YAML text. kubectl writes no aliases, and recursive ones could exhaust memory. The keys of a mapping
 * are not compared, which would take quadratic time.
 */
export function yamlOf(text: string): unknown {
  if (text.length > mostWholeLength)
    throw new Error(`it has ${mib(text.length)}; the limit is ${mib(mostWholeLength)}`);
  refuseDeep(text);
  try {
    return parseYaml(text, { maxAliasCount: 0, uniqueKeys: false, logLevel: "error" });
  } catch (error) {
    throw new Error(`it cannot be parsed: ${syntaxProblem(error)}`);
  }
}

/** Nested flow collections (`[[[[`) and block sequences on one line (`- - - -`). */
function refuseDeep(text: string): void {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x5b || c === 0x7b) depth += 1;
    else if (c === 0x5d || c === 0x7d) depth = Math.max(0, depth - 1);
    // Brackets in texts need not be balanced.
    else if (c === 0x0a) depth = 0;
    if (depth > deepest) throw new Error("it is nested too deep");
  }
  if (/^ *(?:[-?] +){50}/m.test(text) || /^ {2000}/m.test(text)) throw new Error("it is nested too deep");
}

/** The same of a file that must be whole. */
export function wholeYamlOf(text: string): unknown {
  const value = yamlOf(text);
  const cutOff = cutOffValue(value, text);
  if (cutOff !== undefined) throw new Error(cutOff);
  return value;
}

/**
 * The objects of a `List`, or the object itself. Throws if it is neither, is cut off or has more than `most`, with the
 * reason.
 */
export function objectsOf(text: string, most = 250_000): KubeObject[] {
  const items = itemsOf(text, most);
  const values = items ?? listed(wholeYamlOf(text));
  if (values === undefined) throw new Error("it has neither items nor metadata");
  if (values.length > most) throw new Error(`it has more than ${most} items`);
  const wrong = values.findIndex((v) => !isObject(v));
  if (wrong >= 0) throw new Error(`its item ${wrong + 1} is not a Kubernetes object with a valid name`);
  return values as KubeObject[];
}

function listed(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { items, metadata } = value as { items?: unknown; metadata?: unknown };
  if (Array.isArray(items)) return items;
  // kubectl and the Cilium CLI write an empty list as `items: null`, too.
  if ("items" in value && items === null) return [];
  return typeof metadata === "object" && metadata !== null && "name" in metadata ? [value] : undefined;
}

/** A name that an API server accepts has no spaces and no characters that a terminal obeys. */
const isName = (name: unknown): boolean => typeof name === "string" && /^[\w.:-]{1,253}$/.test(name);

const isObject = (value: unknown): boolean => {
  const { metadata } = (value ?? {}) as { metadata?: { name?: unknown; namespace?: unknown } | null };
  if (typeof metadata !== "object" || metadata === null) return false;
  return isName(metadata.name) && (metadata.namespace === undefined || isName(metadata.namespace));
};

/**
 * The items of a list as the Cilium CLI writes it, each parsed alone, because the pods of 200 nodes have 100 MiB.
 * Undefined if the text has another form.
 */
function itemsOf(text: string, most: number): unknown[] | undefined {
  const begin = /^items:\n(?=- )/m.exec(text);
  if (begin === null) return undefined;
  const items: unknown[] = [];
  let at = begin.index + "items:\n".length;
  let line = text.slice(0, at).split("\n").length;
  while (text.startsWith("- ", at)) {
    if (items.length === most) throw new Error(`it has more than ${most} items`);
    const end = nextItem(text, at);
    const item = text.slice(at, end);
    if (item.length > mostObjectLength)
      throw new Error(
        `its item at line ${line} has ${mib(item.length)}; the limit is ${mib(mostObjectLength)}`,
      );
    try {
      items.push((yamlOf(withoutManagedFields(item)) as unknown[])[0]);
    } catch (error) {
      throw new Error(`its item at line ${line}: ${(error as Error).message}`);
    }
    line += item.split("\n").length - 1;
    at = end;
  }
  // Also where every item that is there can be parsed: the last may lack some of its fields.
  const cutOff = cutOffList(text.slice(0, begin.index), text.slice(at)) ?? cutOffText(text);
  if (cutOff !== undefined) throw new Error(cutOff);
  return items;
}

/** Where the next line begins that is not indented, and not empty. */
function nextItem(text: string, from: number): number {
  for (let at = text.indexOf("\n", from) + 1; at > 0; at = text.indexOf("\n", at) + 1) {
    const c = text[at];
    if (c !== " " && c !== "\n" && c !== undefined) return at;
  }
  return text.length;
}

/** Which program wrote which field: half of an object, and not used. */
const withoutManagedFields = (item: string): string =>
  item.replace(/^( +)managedFields:\n(?:\1[ -].*\n)+/m, "");

interface Subset {
  readonly addresses?: readonly EndpointAddress[];
  readonly notReadyAddresses?: readonly EndpointAddress[];
  readonly ports?: readonly unknown[];
}
interface EndpointAddress {
  readonly ip: string;
  readonly nodeName?: string;
  readonly targetRef?: unknown;
}

/** EndpointSlices as Kubernetes makes them from Endpoints, for sysdumps that have only those. */
export function slicesOf(endpoints: readonly KubeObject[]): KubeObject[] {
  return endpoints.flatMap(({ metadata, subsets }) =>
    ((subsets ?? []) as readonly Subset[]).map(
      ({ addresses = [], notReadyAddresses = [], ports = [] }, i) => ({
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          ...metadata,
          name: `${metadata.name}-${i}`,
          labels: { ...metadata.labels, "kubernetes.io/service-name": metadata.name },
        },
        addressType: [...addresses, ...notReadyAddresses].some((a) => a.ip.includes(":")) ? "IPv6" : "IPv4",
        ports,
        endpoints: [
          ...addresses.map((a) => endpoint(a, true)),
          ...notReadyAddresses.map((a) => endpoint(a, false)),
        ],
      }),
    ),
  );
}

const endpoint = ({ ip, nodeName, targetRef }: EndpointAddress, isReady: boolean): object => ({
  addresses: [ip],
  conditions: { ready: isReady, serving: isReady, terminating: false },
  ...(nodeName === undefined ? {} : { nodeName }),
  ...(targetRef === undefined ? {} : { targetRef }),
});
