import type { Certificate, PeerPath, PeerTrouble } from "#harness/model/mesh-snapshot.ts";

/** A longer line is not the tool's, and would take long to match. */
const longestLine = 4096;

/** Lines about each peer, without the entry for the cluster itself, and without the indentation. */
function peersIn(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] | undefined;
  for (const line of text.split("\n")) {
    const peer = /^Cluster "(.{1,64})":/.exec(line)?.[1];
    if (peer !== undefined) {
      lines = [];
      found.set(peer, lines);
    } else if (line.includes("This entry corresponds to the local cluster")) {
      for (const [name, own] of found) if (own === lines) found.delete(name);
    } else if (line.length <= longestLine) lines?.push(line.trim());
  }
  return found;
}

/**
 * The failed steps, in order, in the output of `cilium-dbg troubleshoot clustermesh` or `kvstoremesh-dbg
 * troubleshoot`.
 */
export function readTroubleshoot(text: string): PeerTrouble[] {
  return [...peersIn(text)].flatMap(([peer, lines]) =>
    lines.flatMap((line) => {
      const failed = /^❌\s*(.*)$/u.exec(line)?.[1];
      return failed === undefined ? [] : [{ peer, step: failed.trim() }];
    }),
  );
}

/** The endpoints and certificates of each peer in the same output (pkg/kvstore/etcd_debug.go@1.20.2). */
export function readPeerPaths(text: string): PeerPath[] {
  return [...peersIn(text)].map(([peer, lines]) => {
    const section = (head: RegExp): string[] => {
      const begin = lines.findIndex((l) => head.test(l));
      if (begin < 0) return [];
      const rest = lines.slice(begin + 1);
      const end = rest.findIndex((l) => /^(?:✅|❌|⚙️|🔑|🔌|⚠️)/u.test(l));
      return end < 0 ? rest : rest.slice(0, end);
    };
    return {
      peer,
      endpoints: endpointsIn(lines),
      trusted: certificatesIn(section(/TLS Root CA certificates/)),
      client: certificatesIn(section(/TLS client certificates/)),
      presented: certificatesIn(section(/TLS certificates presented by the server/)),
    };
  });
}

function endpointsIn(lines: readonly string[]): { url: string; ips: string[] }[] {
  const found: { url: string; ips: string[] }[] = [];
  for (const line of lines) {
    const url = /^- (https?:\/\/\S+)$/.exec(line)?.[1];
    if (url !== undefined) found.push({ url, ips: [] });
    const ips = /Hostname resolved to: (.*)$/.exec(line)?.[1];
    if (ips !== undefined)
      found.at(-1)?.ips.push(...ips.split(", ").filter((ip) => /^[\da-f.:]+$/i.test(ip)));
  }
  return found;
}

function certificatesIn(lines: readonly string[]): Certificate[] {
  const found: { -readonly [K in keyof Certificate]: Certificate[K] }[] = [];
  for (const line of lines) {
    const serial = /^- Serial number:\s+([\da-f:]+)$/i.exec(line)?.[1];
    if (serial !== undefined)
      found.push({ subject: "", issuer: "", serial: bare(serial), notBefore: "", notAfter: "" });
    const last = found.at(-1);
    if (last === undefined) continue;
    const [, key, value = ""] =
      /^(Subject|Issuer|Subject key ID|Authority key ID|Not before|Not after):\s+(.*)$/.exec(line) ?? [];
    if (key === "Subject") last.subject = value;
    else if (key === "Issuer") last.issuer = value;
    else if (key === "Subject key ID") last.key = bare(value);
    else if (key === "Authority key ID") last.signers = [bare(value)];
    else if (key === "Not before") last.notBefore = timeOf(value);
    else if (key === "Not after") last.notAfter = timeOf(value);
    else {
      const name = /^- (?!Serial number)(\S+)$/.exec(line)?.[1];
      if (name !== undefined) last.names = [...(last.names ?? []), name];
    }
  }
  return found;
}

const bare = (hex: string): string => hex.replaceAll(":", "").toLowerCase();

/** Go prints `2026-11-21 09:24:55 +0000 UTC`. */
function timeOf(text: string): string {
  const [, day, time] = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) \+0000/.exec(text) ?? [];
  return day === undefined ? "" : `${day}T${time}.000Z`;
}
