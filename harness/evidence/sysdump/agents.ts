import { runningOfLinks } from "#harness/cilium/agent/running.ts";
import { visible } from "#harness/lib/visible.ts";
import { notCollected, notSupplied } from "../evidence.ts";
import { type AgentFile, agentFiles, firewallCommand, linksCommand, troubleshootCommand } from "./layout.ts";

/** The files of one agent in a bugtool archive, by name. */
export type AgentOutput = ReadonlyMap<string, string>;

/** The evidence of one agent. `why` says of a file that was skipped, why; an agent without a status was not read. */
export function agentEvidence(
  node: string,
  output: AgentOutput,
  why: (names: readonly string[]) => string | undefined,
): Map<string, string> {
  const evidence = new Map<string, string>();
  for (const file of agentFiles) {
    const text = first(output, file.names);
    const value =
      text === undefined
        ? `${notSupplied}${why(file.names) ?? `the archive has no ${file.names[0]} of this agent`}`
        : converted(file, text);
    // Without it the whole agent is unread, which is said once.
    if (file.to === "status.json" && value.startsWith(notSupplied)) continue;
    evidence.set(`agent-${node}-${file.to}`, value);
  }
  const steps = first(output, troubleshootCommand);
  if (steps !== undefined) evidence.set(`agent-${node}-troubleshoot.txt`, commandOutput(steps).text);
  const links = output.get(linksCommand);
  if (links !== undefined)
    evidence.set(`agent-${node}-running.txt`, runningOfLinks(commandOutput(links).text));
  const rules = output.get(firewallCommand);
  if (rules !== undefined && rules.trim() !== "")
    evidence.set(`node-${node}.txt`, `# firewall\n${commandOutput(rules).text}`);
  return evidence;
}

export const first = (output: AgentOutput, names: readonly string[]): string | undefined =>
  names.map((name) => output.get(name)).find((text) => text !== undefined);

/** A command that failed is evidence; a file with other content is not. */
function converted({ looksRight, read, names }: AgentFile, raw: string): string {
  const { text, failure } = commandOutput(raw);
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
