import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import type { CliOption, Options, Parsed, Words } from "./options.ts";
import type { Session } from "./session.ts";

export interface CliArgument {
  /** As commander writes it: `<file>`, `[suites...]`. */
  readonly name: string;
  readonly help: string;
  readonly words?: Words;
}

/** A command as its file exports it: a record, and the function that runs it. */
export interface CliCommand {
  readonly name: string;
  readonly help: string;
  readonly arguments: readonly CliArgument[];
  readonly options: Options;
  readonly commands: readonly CliCommand[];
  readonly run?: (input: Input<Options>) => Promise<void>;
}

export interface Input<O extends Options> {
  /** The arguments in order; a repeatable argument contributes all of its words. */
  readonly words: readonly string[];
  readonly options: Parsed<O>;
  /** Options set on the command line, not by default. */
  readonly given: ReadonlySet<string>;
  readonly session: Session;
}

export function defineCommand<O extends Options>(command: {
  readonly name: string;
  readonly help: string;
  readonly arguments?: readonly CliArgument[];
  readonly options?: O;
  readonly commands?: readonly CliCommand[];
  readonly run?: (input: Input<O>) => Promise<void>;
}): CliCommand {
  const { name, help, arguments: args = [], options = {}, commands = [], run } = command;
  return {
    name,
    help,
    arguments: args,
    options,
    commands,
    ...(run === undefined ? {} : { run: run as NonNullable<CliCommand["run"]> }),
  };
}

/** Adds a command's record to a program, with its subcommands, which accept its options too. */
export function addCommand(program: Command, record: CliCommand, session: Session): void {
  const command = program.command(record.name).description(record.help);
  for (const { name, help } of record.arguments) command.addArgument(new Argument(name, help));
  for (const option of Object.values(record.options)) command.addOption(optionOf(option));
  for (const sub of record.commands) addCommand(command, sub, session);
  const { run } = record;
  if (run === undefined) return;
  command.action(async () => {
    const values: Record<string, unknown> = command.optsWithGlobals();
    const given = Object.keys(values).filter((k) => command.getOptionValueSourceWithGlobals(k) === "cli");
    session.printJson(values.json === true);
    await run({
      words: command.processedArgs.flat().filter((word): word is string => typeof word === "string"),
      options: values,
      given: new Set(given),
      session,
    });
  });
}

function optionOf({ flags, help, schema, byDefault, repeatable, required }: CliOption): Option {
  const option = new Option(flags, help);
  if (byDefault !== undefined) option.default(byDefault);
  if (required === true) option.makeOptionMandatory();
  if (!flags.includes("<")) return option;
  return option.argParser((value: string, before: unknown): unknown => {
    const all = Array.isArray(before) ? [...before, value] : [value];
    const parsed = schema.safeParse(repeatable === true ? all : value);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`Expected: ${parsed.error.issues.map((i) => i.message).join("; ")}`);
  });
}
