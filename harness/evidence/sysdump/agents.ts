import { runningOfLinks } from "#harness/cilium/agent/running.ts";
import { visible } from "#harness/lib/visible.ts";
import { notCollected, notSupplied } from "../evidence.ts";
import { cutOffOutput, cutOffTroubleshoot } from "./cut-off.ts";
import {
  type AgentFile,
  agentFiles,
  encryptionCommands,
  firewallCommand,
  linksCommand,
  networkCommands,
  pinsCommand,
  troubleshootCommand,
} from "./layout.ts";

/** The files of one agent in a bugtool archive, by name. */
export type AgentOutput = ReadonlyMap<string, string>;

/** What else is known of an agent's files. */
interface AgentContext {
  /** Why a file was skipped while the archive was read. */
  readonly skipped: (names: readonly string[]) => string | undefined;
  /** Files that not every version writes, and that another agent of the archive has. */
  readonly expected: ReadonlySet<string>;
  /** Says that a file, by its evidence's name, was not read. */
  readonly fail: (what: string, why: string) => void;
}

/** Files that only say more of what the others show, by the evidence that they become. */
const moreFiles: readonly {
  readonly names: readonly string[];
  readonly looksRight: RegExp;
  /** Without it nothing is left unjudged that another file shows. */
  readonly extra?: true;
  /** Of the output, beside the general signs. */
  readonly cutOff?: (text: string) => string | undefined;
  readonly to: (node: string, text: string) => readonly [string, string];
}[] = [
  {
    names: troubleshootCommand,
    looksRight: /^(?:Cluster "|Found \d+ cluster|No cluster)/m,
    cutOff: cutOffTroubleshoot,
    to: (node, text) => [`agent-${node}-troubleshoot.txt`, text],
  },
  {
    names: [linksCommand],
    looksRight: /^\d+: /m,
    to: (node, text) => [`agent-${node}-running.txt`, runningOfLinks(text)],
  },
  {
    names: [firewallCommand],
    looksRight: /\S/,
    to: (node, text) => [`node-${node}.txt`, `# firewall\n${text}`],
  },
  {
    names: [pinsCommand],
    looksRight: /\/sys\/fs\/bpf/,
    extra: true,
    to: (node, text) => [`agent-${node}-programs.txt`, text],
  },
  ...encryptionCommands.map((names) => ({
    names,
    looksRight: /^(?:Encryption: |Xfrm\w+\s)/m,
    extra: true as const,
    to: (node: string, text: string) => [`agent-${node}-encryption.txt`, text] as const,
  })),
  ...networkCommands.map((name) => ({
    names: [name],
    looksRight: /^\d+[:.]/m,
    extra: true as const,
    to: (node: string, text: string) => [`node-${node}.txt`, `# network\n${text}`] as const,
  })),
];

/** Those of `moreFiles` that an agent has and that hold what they should, by their newest names. */
export const moreFilesOf = (output: AgentOutput): string[] =>
  moreFiles.flatMap(({ names: [newest = "", ...older], looksRight }) => {
    const text = first(output, [newest, ...older]);
    return text !== undefined && looksRight.test(commandOutput(text).text) ? [newest] : [];
  });

/** The evidence of one agent; an agent without a status was not read. */
export function agentEvidence(node: string, output: AgentOutput, context: AgentContext): Map<string, string> {
  const evidence = new Map<string, string>();
  for (const file of agentFiles) {
    const text = first(output, file.names);
    const value =
      text === undefined
        ? `${notSupplied}${context.skipped(file.names) ?? `the archive has no ${file.names[0]} of this agent`}`
        : converted(file, text);
    // Without it the whole agent is unread, which is said once.
    if (file.to === "status.json" && value.startsWith(notSupplied)) continue;
    evidence.set(`agent-${node}-${file.to}`, value);
  }
  for (const { names, looksRight, extra, cutOff: ofKind, to } of moreFiles) {
    const raw = first(output, names);
    const text = raw === undefined ? "" : commandOutput(raw).text;
    const cutOff = raw === undefined ? undefined : (cutOffOutput(raw) ?? ofKind?.(raw));
    if (cutOff === undefined && looksRight.test(text)) {
      const [file, content] = to(node, text);
      const before = evidence.get(file);
      evidence.set(file, before === undefined ? content : `${before}\n${content}`);
    }
    // A skipped one is reported already.
    else if (
      extra !== true &&
      (cutOff !== undefined || (context.expected.has(names[0] ?? "") && context.skipped(names) === undefined))
    )
      context.fail(
        `${names[0]} of the agent on ${node}`,
        cutOff ??
          (raw === undefined
            ? "other agents have it, and this one does not"
            : "it holds no output of that command"),
      );
  }
  return evidence;
}

export const first = (output: AgentOutput, names: readonly string[]): string | undefined =>
  names.map((name) => output.get(name)).find((text) => text !== undefined);

/** A command that failed is evidence; a file with other content is not. */
function converted({ looksRight, alsoHas, read, names }: AgentFile, raw: string): string {
  const { text, failure } = commandOutput(raw);
  const lacksEnd = failure === undefined && looksRight.test(text) && alsoHas?.test(text) === false;
  const cutOff =
    cutOffOutput(raw) ?? (lacksEnd ? "it is cut off: its later sections are missing" : undefined);
  if (cutOff !== undefined) return `${notSupplied}${names[0]}: ${cutOff}`;
  if (looksRight.test(text)) return read(text);
  if (failure === undefined) return `${notSupplied}${names[0]} holds no output of that command`;
  const said = visible(text.trim().split("\n")[0] ?? "").slice(0, 200);
  return `${notCollected}${names[0]}: ${failure}${said === "" ? "" : `: ${said}`}`;
}

/**
 * The output of a command in bugtool: with `--enable-markdown` it is a code block under a title, and the last line says
 * that a command failed.
 */
export function commandOutput(raw: string): { readonly text: string; readonly failure?: string } {
  const end = raw.lastIndexOf("> Error while running '");
  const failure =
    end < 0 ? undefined : /^> Error while running '[^\n]*':\s+([^\n]*)/.exec(raw.slice(end))?.[1];
  const text = failure === undefined ? raw : raw.slice(0, end);
  const block = /^# [^\n]*\n\n```\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text;
  return failure === undefined ? { text: block } : { text: block, failure: visible(failure).slice(0, 100) };
}
