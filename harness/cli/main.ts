import { Command } from "commander";
import { type Ended, endOf, reportsEveryEnding } from "#harness/jobs/end-of.ts";
import { Interruption } from "#harness/jobs/interruption.ts";
import { meshproofVersion } from "#harness/lib/meshproof-version.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { addCommand } from "./command.ts";
import { commands } from "./commands.ts";
import { Session } from "./session.ts";

/** The whole command line, built from the commands' records. */
export function programOf(session: Session): Command {
  const program = new Command("meshproof")
    .description("End-to-end conformance and failover tests for Cilium Cluster Mesh, on real clusters")
    .version(meshproofVersion)
    .showHelpAfterError("(run with --help for usage)")
    .exitOverride();
  for (const command of commands) addCommand(program, command, session);
  return program;
}

/** Runs a command line to its end, prints the closing lines, and returns the exit code if one was decided. */
export async function main(argv: readonly string[]): Promise<number | undefined> {
  const interruption = new Interruption();
  const warn = (text: string): void => void process.stderr.write(`${text}\n`);
  interruption.listen(warn);
  const session = await sessionOf(interruption, argv);
  const { report, signal } = session;
  const program = programOf(session);
  const words = withoutHelpOfUnknown(argv, program);
  const ended = await endOf(() => program.parseAsync(words, { from: "user" }), { report, signal, warn });
  await conclude(session, ended);
  return ended.exitCode;
}

/** The command line; of an unknown command its name alone: `--help` beside it must not look like success. */
function withoutHelpOfUnknown(argv: readonly string[], program: Command): string[] {
  const [first = ""] = argv;
  const isKnown = first === "" || first.startsWith("-") || first === "help";
  return isKnown || program.commands.some((c) => c.name() === first) ? [...argv] : [first];
}

async function sessionOf(interruption: Interruption, argv: readonly string[]): Promise<Session> {
  const command = meshCommand(...argv);
  if (!reportsEveryEnding(argv)) return new Session(interruption, command);
  const { RunReport } = await import("#harness/jobs/run-report.ts");
  return new Session(
    interruption,
    command,
    (session) =>
      new RunReport({
        command,
        meshproof: meshproofVersion,
        signal: session.signal,
        say: session.say,
        onTested: () => session.disarm(),
      }),
  );
}

/** How every `run` and `test` ends: the closing lines, or the whole record as JSON. */
async function conclude(session: Session, { record }: Ended): Promise<void> {
  const { report } = session;
  if (record === undefined || report === undefined) return;
  if (session.isJson) return session.json({ ...record, dir: report.dir });
  const { closingLines } = await import("#harness/jobs/closing-lines.ts");
  for (const line of closingLines(record, report.dir, report.series)) session.say(line);
}
