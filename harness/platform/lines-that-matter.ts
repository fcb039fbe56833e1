import { stripVTControlCharacters } from "node:util";

/** Limits of a failed program's output in an error message: lines, and characters per line. */
const mostLines = 15;
const mostCharacters = 400;
/** Number of last lines for an unknown program. */
const tailLines = 12;

/** Lines that explain a failure in the output of any program. */
const anyTool =
  /no space left on device|cannot allocate memory|out of memory|signal: killed|permission denied|connection refused|no such host|i\/o timeout|TLS handshake|x509:|certificate (has expired|signed by)/i;

interface Reading {
  readonly matters: RegExp;
  readonly noise?: RegExp;
  /** Lines to keep from the beginning if there are too many; the others are taken from the end. */
  readonly head: number;
}

const readings: Readonly<Record<string, Reading>> = {
  // The first errors of a compiler are the causes; later ones are consequences.
  go: {
    matters:
      /^(\S+\.(go|s|mod|sum|work):\d+(:\d+)?: |go: |# \S|fatal error:|panic: |verifying )|@v[\w.+-]+(\/go\.mod)?: |checksum mismatch|SECURITY ERROR|^\s+(downloaded|go\.sum|sum\.golang\.org): |no required module provides|missing go\.sum entry|server response|^\s+not found: |too many errors|(^|\/)(compile|link|asm): |^build .*: cannot/,
    noise: /^go: (downloading|finding|extracting|added|upgraded)\b|^\s+\S+\.go:\d+ \+0x/,
    head: mostLines,
  },
  // kind prints a summary first; kubeadm prints the cause last.
  kind: {
    matters:
      /^\s*(ERROR|error)\b|^\s*✗|\[(ERROR|WARNING) [^\]]+\]|\[preflight\].*(error|fatal)|\[kubelet-check\]|^[EF]\d{4} \d|error execution phase|kubelet (is not|isn't|is unhealthy)|timed out|an error has occurred|couldn't initialize|failed to|port is already allocated|required cgroups disabled|deadline exceeded/i,
    noise:
      /round_trippers|\/healthz\?|To see the stack trace|^\s*(goroutine|k8s\.io\/|runtime\.|main\.)|\.go:\d+ \+0x/,
    head: 5,
  },
  helm: { matters: /^\s*Error:|FAILED|^\s*error|^\s*[*-] |failed|timed out/i, noise: /^\s*W\d{4} /, head: 5 },
  mmdebstrap: {
    matters:
      /^(E|Err): |^Err:\d+|^\s+(404|403|5\d\d) |^dpkg: error|Temporary failure|GPG error|NO_PUBKEY|failed/,
    noise: /^I: /,
    head: 5,
  },
};

/** At most 15 lines of a failed program's output that explain the failure; the last lines for an unknown program. */
export function linesThatMatter(output: string, tool: string): string[] {
  const lines = stripVTControlCharacters(output)
    .split(/\r?\n|\r/)
    .map((l) => l.trimEnd())
    .filter((l) => l !== "");
  const reading = readings[tool];
  if (reading === undefined) return lines.slice(-tailLines).map(cut);
  const found = lines.filter(
    (l) => (reading.matters.test(l) || anyTool.test(l)) && reading.noise?.test(l) !== true,
  );
  const distinct = withoutRepeats(withoutBareHeadings(found));
  if (distinct.length === 0) return lines.slice(-tailLines).map(cut);
  if (distinct.length <= mostLines) return distinct.map(cut);
  const tail = mostLines - reading.head;
  return [...distinct.slice(0, reading.head), ...(tail > 0 ? distinct.slice(-tail) : [])].map(cut);
}

const cut = (line: string): string =>
  line.length > mostCharacters ? `${line.slice(0, mostCharacters)}...` : line;

/** Removes `# package` lines of the Go compiler that are followed by no error. */
const withoutBareHeadings = (lines: readonly string[]): string[] =>
  lines.filter((line, i) => !line.startsWith("# ") || !(lines[i + 1] ?? "# ").startsWith("# "));

/** Removes lines that differ from an earlier line only in numbers, such as a time. */
function withoutRepeats(lines: readonly string[]): string[] {
  const seen = new Set<string>();
  return lines.filter((line) => {
    // Positions in a source file are significant.
    const key = /\.go:\d+/.test(line) && !/^[IWEF]\d{4} /.test(line) ? line : line.replace(/\d+/g, "0");
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The remedy for a known failure in the output. */
export function remedyOf(output: string): string | undefined {
  return remedies.find(([pattern]) => pattern.test(output))?.[1];
}

const remedies: readonly (readonly [RegExp, string])[] = [
  [/no space left on device/i, "free some disk space; `doctor` reports how much is needed and where"],
  [
    /signal: killed|out of memory|cannot allocate memory|OOMKilled/i,
    "close other programs, or use a machine with more memory: the kernel killed a process because memory ran out",
  ],
  [
    /checksum mismatch|SECURITY ERROR/,
    "choose another version: this one permanently fails the check against the checksum database",
  ],
  [
    /@v[\w.+-]+(\/go\.mod)?: reading .*: (40\d|410|451) /,
    "choose a published version; the module proxy refuses this one permanently",
  ],
  [
    /no such host|Temporary failure|connection refused.*proxy|i\/o timeout|TLS handshake|x509:/i,
    "check the network, the proxy settings and the certificates of this machine, then run the command again",
  ],
  [
    /port is already allocated/i,
    "free the port, or omit it from the kind Config, which then gets a free one",
  ],
  [
    /kubelet (is not|isn't|is unhealthy)|required cgroups disabled/i,
    "run `npm run mesh -- doctor`; the usual causes are too little memory and missing cgroups",
  ],
];

export interface RefusedModule {
  readonly module: string;
  readonly version: string;
  readonly why: string;
}

const moduleAt = String.raw`([A-Za-z0-9][\w.~-]*(?:/[\w.~!-]+)*)@(v[\w.+-]+?)(?:/go\.mod)?`;
const refusals = [
  new RegExp(String.raw`${moduleAt}: (reading [^\n]*: (?:40\d|410|451|50\d) [^\n]*)`),
  new RegExp(String.raw`${moduleAt}: (verifying [^\n]*)`),
  new RegExp(String.raw`verifying ${moduleAt}: ([^\n]*)`),
  new RegExp(String.raw`${moduleAt}: (invalid version[^\n]*|unrecognized import path[^\n]*|not found[^\n]*)`),
];

/** The Go module that was not served, or that failed the check against the checksum database. */
export function refusedModule(output: string): RefusedModule | undefined {
  for (const pattern of refusals) {
    const [, module, version, why] = pattern.exec(output) ?? [];
    if (module !== undefined && version !== undefined && why !== undefined)
      return { module, version, why: why.trim() };
  }
  return undefined;
}
