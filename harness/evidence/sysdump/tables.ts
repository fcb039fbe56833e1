/**
 * `cilium-bugtool` stores the output of Cilium's tools as tables, and the parsers of live agents expect `-o json`.
 * Each function converts a table to that JSON.
 */

/** Lines of Cilium's tools without trailing space; a longer one is not theirs, and would take long to match. */
const shortLines = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => line.length <= 8192)
    .map((line) => line.trimEnd());

/** Rows of two columns under a header; the second column extends to the end of the line. */
const rows = (text: string): (readonly [string, string])[] =>
  shortLines(text)
    .slice(1)
    .map((line) => /^(\S+(?: \(\d+\))?)\s+(\S.*)$/.exec(line))
    .filter((row) => row !== null)
    .map(([, key = "", value = ""]) => [key, value] as const);

/** `cilium-dbg bpf ipcache list` and `bpf lb list`: key to values. */
export function mapTable(text: string): string {
  const map = new Map<string, string[]>();
  for (const [key, value] of rows(text)) {
    const list = map.get(key);
    if (list === undefined) map.set(key, [value]);
    else list.push(value);
  }
  return JSON.stringify(Object.fromEntries(map));
}

/** `cilium-dbg identity list`: further labels are on separate lines. */
export function identityTable(text: string): string {
  const identities: { id: number; labels: string[] }[] = [];
  for (const line of shortLines(text).slice(1)) {
    const [, id, label] = /^(\d*)\s+(\S.*)$/.exec(line) ?? [];
    if (label === undefined) continue;
    if (id !== "") identities.push({ id: Number(id), labels: [label] });
    else identities.at(-1)?.labels.push(label);
  }
  return JSON.stringify(identities);
}

/** The sections `IPAM`, `ClusterMesh` and `Controller Status` of `cilium-dbg status --verbose`. */
export function statusText(text: string): string {
  const ipam = addresses(text);
  return JSON.stringify({
    "cluster-mesh": { clusters: remoteClusters(text, "ClusterMesh") },
    controllers: controllers(text),
    ...(ipam === undefined ? {} : { ipam }),
  });
}

/** `IPv4: 5/254 allocated from 10.2.1.0/24, `, then `Allocated addresses:` with a line for each. */
function addresses(text: string): Record<string, unknown> | undefined {
  const lines = shortLines(text);
  const begin = lines.findIndex((l) => l.startsWith("IPAM:"));
  if (begin < 0) return undefined;
  const owned = lines.slice(begin + 1, begin + 2).some((l) => l.startsWith("Allocated addresses:"))
    ? lines.slice(begin + 2)
    : [];
  // Of another pool than the default its name is before the address: `pool/10.2.1.7`.
  const row = /^ {2}((?:[\w.-]{1,253}\/)?[\da-f.:]+) \((.*)\)$/;
  const end = owned.findIndex((l) => !row.test(l));
  const allocations = (end < 0 ? owned : owned.slice(0, end)).map((l) => {
    const [, ip = "", owner = ""] = row.exec(l) ?? [];
    return [ip, owner] as const;
  });
  return {
    status: lines[begin]?.slice("IPAM:".length).trim(),
    allocations: Object.fromEntries(allocations),
  };
}

/** Name, last success, last error, failures in a row, message. */
function controllers(text: string): Record<string, unknown>[] {
  const lines = shortLines(text);
  const begin = lines.findIndex((l) => l.startsWith("Controller Status:"));
  const found: Record<string, unknown>[] = [];
  for (const line of begin < 0 ? [] : lines.slice(begin + 2)) {
    const row = /^ {2}(\S+) {2,}(?:never|\S+ ago) {2,}(?:never|\S+ ago) {2,}(\d+) {2,}(.*)$/.exec(line);
    if (row === null) break;
    const [, name, failures, message] = row;
    found.push({
      name,
      status: { "consecutive-failure-count": Number(failures), "last-failure-msg": message },
    });
  }
  return found;
}

/** `kvstoremesh-dbg status`, for versions without JSON output. */
export function kvstoreMeshText(text: string): string {
  return JSON.stringify(remoteClusters(text, "KVStoreMesh"));
}

function remoteClusters(text: string, head: string): Record<string, unknown>[] {
  const lines = shortLines(text);
  const begin = lines.findIndex((l) => l.startsWith(`${head}:`));
  const found: Record<string, unknown>[] = [];
  for (const line of begin < 0 ? [] : lines.slice(begin + 1)) {
    const one = /^ {3}(\S+): (ready|not-ready)(.*)$/.exec(line);
    if (one !== null) {
      const [, name, state, rest = ""] = one;
      const counts = Object.fromEntries(
        [...rest.matchAll(/(?<!\d)(\d+) (nodes|endpoints|identities|services|endpoint slices)\b/g)].map(
          ([, n, what]) => [
            what === "services" ? "num-shared-services" : `num-${what?.replace(" ", "-")}`,
            Number(n),
          ],
        ),
      );
      found.push({ name, ready: state === "ready", connected: false, status: "", ...counts });
      continue;
    }
    const detail = /^ {3}└ {2}(.*)$/.exec(line)?.[1];
    const last = found.at(-1);
    // The next section of the output ends this one.
    if (detail === undefined) break;
    if (last === undefined) continue;
    const values = Object.fromEntries(
      [...detail.matchAll(/(?<![a-z-])([a-z-]+)=([^,\s]+)/g)].map(([, key = "", value = ""]) => [key, value]),
    );
    if (detail.startsWith("remote configuration:"))
      last.config = {
        required: values.expected === "true",
        retrieved: values.retrieved === "true",
        "cluster-id": Number(values["cluster-id"] ?? 0),
        kvstoremesh: values.kvstoremesh === "true",
      };
    else if (detail.startsWith("synchronization status:"))
      last.synced = Object.fromEntries([
        ...["nodes", "endpoints", "identities", "services"].map((k) => [k, values[k] === "true"]),
        // Missing where the program does not read them (pkg/client/client.go of 1.20).
        ...("endpoint-slices" in values ? [["endpoint-slices", values["endpoint-slices"] === "true"]] : []),
      ]);
    else {
      last.status = detail;
      last.connected = / connected/.test(detail) && !/\b0\/\d+ connected/.test(detail);
    }
  }
  return found;
}
