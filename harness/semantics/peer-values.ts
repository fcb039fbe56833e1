// Peers in `clustermesh.config.clusters` by which no cluster is reached: no schema checks what stands below it.
import ipaddr from "ipaddr.js";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import type { Refusal } from "./chart-rules.ts";
import { isReplaced } from "./chart-values.ts";

const path = "clustermesh.config.clusters";
const helpers = "templates/clustermesh-config/_helpers.tpl of 1.20.2";
export const largestPort = 65_535;
/** A longer text at such a place is no address. */
const longest = 80;

interface Peer {
  /** `beta`, or its place in the list. */
  readonly title: string;
  readonly name: unknown;
  readonly given: Readonly<Record<string, unknown>>;
}

/** Those that the chart reads: a mapping by name, or a list. */
function peersIn(value: unknown): Peer[] {
  const entries: [title: string, name: unknown, peer: unknown][] = isMapping(value)
    ? Object.entries(value).map(([name, peer]) => [name, name, peer])
    : (Array.isArray(value) ? value : []).map((peer: unknown, i) => {
        const name = isMapping(peer) ? peer.name : undefined;
        return [isText(name) ? name : `item ${i + 1}`, name, peer];
      });
  return entries.flatMap(([title, name, given]) =>
    isMapping(given) && given.enabled !== false ? [{ title, name, given }] : [],
  );
}

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";
/** By a template, a shell, or a tool that puts secrets in the place of references. */
const isFilledIn = (value: unknown): boolean =>
  isReplaced(value) || (typeof value === "string" && /`|^ENC\[|\b(secret)?ref\+[a-z0-9]+:/.test(value));

const isUnset = (value: unknown): boolean =>
  [undefined, null, ""].includes(value as string | null | undefined);
const isNoText = (value: unknown): boolean => !isUnset(value) && typeof value !== "string";

/** Without a password before the host. */
const shortly = (value: unknown): string => {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.replace(/\/\/[^@/]*@/, "//...@").slice(0, longest);
};

const kindOf = (value: unknown): string =>
  isMapping(value)
    ? "a mapping"
    : Array.isArray(value)
      ? "a list"
      : `${typeof value === "string" ? "the text" : "the value"} ${shortly(value)}`;

/** 0 is no port to connect to. A text that is filled in later is one. */
const isNoPort = (port: unknown): boolean => {
  if (isUnset(port) || isFilledIn(port)) return false;
  const isWhole = ["number", "string"].includes(typeof port) && /^\d+$/.test(String(port));
  return !(isWhole && Number(port) >= 1 && Number(port) <= largestPort);
};

/** The chart reads it only where there are no `ips`. */
const addressOf = ({ given: { ips, address } }: Peer): unknown =>
  isUnset(ips) || (Array.isArray(ips) && ips.length === 0) ? address : undefined;

/** A host name, an IPv4 address, or an IPv6 address in brackets: what may stand before `:PORT`. */
const isHost = (text: string): boolean => {
  const [, inner] = /^\[([^\]]+)\]$/.exec(text) ?? [];
  return inner === undefined ? /^[A-Za-z0-9_.-]+$/.test(text) : isIp(inner);
};

const isIp = (text: string): boolean => ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);

const isNoHost = (address: unknown): address is string =>
  isText(address) && !isFilledIn(address) && !isHost(address);

const rendered = (address: string, port: unknown): string =>
  `https://${shortly(address)}:${isUnset(port) ? "" : shortly(port)}`;

const wrongIps = (ips: unknown): string[] =>
  Array.isArray(ips)
    ? ips.filter((ip) => !isUnset(ip) && !isFilledIn(ip) && !(isText(ip) && isIp(ip))).map(shortly)
    : [];

/** `wrong`: what of one peer is wrong, to be shown. */
const ofPeers = (
  wrong: (peer: Peer) => string[],
  rule: Pick<Refusal, "wants" | "remedy" | "source" | "by">,
): Refusal => ({
  ...{ path, charts: "*" },
  refuses: (value, values) =>
    valueAt(values, "clustermesh.config.enabled") !== false &&
    peersIn(value).some((p) => wrong(p).length > 0),
  shown: (value) => peersIn(value).flatMap(wrong).join(", "),
  ...rule,
});

export const peerRules: readonly Refusal[] = [
  ofPeers(({ title, given }) => (isNoPort(given.port) ? [`port ${shortly(given.port)} of ${title}`] : []), {
    wants: `a port to connect to is a number from 1 to ${largestPort}`,
    remedy: "write the port at which the peer's clustermesh-apiserver is reached",
    by: "nothing",
    source: "ports of TCP and UDP have 16 bits",
  }),
  ofPeers(
    (peer) => {
      const address = addressOf(peer);
      const { title, given } = peer;
      return isNoHost(address)
        ? [`address ${shortly(address)} of ${title} (rendered as ${rendered(address, given.port)})`]
        : [];
    },
    {
      wants:
        "the chart puts https:// before it and the port behind it, so it must be a host name or an IP address alone (IPv6 in brackets)",
      remedy: "write the host into address, and its port into port",
      by: "nothing",
      source: helpers,
    },
  ),
  ofPeers(
    (peer) =>
      isNoText(addressOf(peer)) ? [`address of ${peer.title}, which is ${kindOf(addressOf(peer))}`] : [],
    {
      wants: "it must be one host name or IP address as a text; several addresses are a list of ips",
      remedy: "write one host name into address, or IP addresses into ips",
      by: "nothing",
      source: helpers,
    },
  ),
  ofPeers(({ title, given }) => wrongIps(given.ips).map((ip) => `ips of ${title} with ${ip}`), {
    wants:
      "each must be an IP address: the chart makes them hostAliases, with which the API server refuses the Deployment of clustermesh-apiserver, so the release stops half-way",
    remedy: "write a host name into address in place of ips, without a port",
    by: "nothing",
    source: "templates/clustermesh-apiserver/deployment.yaml:517 of 1.20.2",
  }),
  ofPeers(
    ({ title, given: { ips } }) =>
      isUnset(ips) || Array.isArray(ips) || isFilledIn(ips)
        ? []
        : [`ips of ${title}, which is ${kindOf(ips)}`],
    {
      wants: "it must be a list of IP addresses",
      remedy: "write ips as a list",
      by: "nothing",
      source: helpers,
    },
  ),
  ofPeers(
    ({ title, name }) =>
      isFilledIn(name) || isText(name)
        ? []
        : [`${title} ${isUnset(name) ? "without a name" : `with the name ${shortly(name)}`}`],
    {
      wants:
        "each peer needs the name of its cluster as a text, which is a key of the Secrets that the chart makes",
      remedy:
        "write the peer's cluster.name as its name (with quotes, if it is a number or a word such as no)",
      by: "nothing",
      source: helpers,
    },
  ),
];
