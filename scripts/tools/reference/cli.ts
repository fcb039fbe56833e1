import type { Argument, Command, Option } from "commander";
import { code, codes, type Page, page, plain, sentence, table } from "./markdown.ts";

/** Every command with its arguments and options, as commander has them. */
export function cliPage(program: Command): Page {
  return page(
    "cli.md",
    "Command line",
    "Commands are run as `npm run mesh -- COMMAND`. Every command has `--help`.",
    ...program.commands.flatMap((command) => commandBlocks(command, [])),
  );
}

function commandBlocks(command: Command, parents: readonly string[]): string[] {
  const names = [...parents, command.name()];
  return [
    `## ${names.join(" ")}`,
    sentence(command.description()),
    code(`${names.join(" ")} ${command.usage()}`.trim()),
    table(["argument", "meaning"], command.registeredArguments.map(argumentRow)),
    table(["option", "default", "meaning"], command.options.filter((o) => !o.hidden).map(optionRow)),
    ...command.commands.flatMap((sub) => commandBlocks(sub, names)),
  ];
}

function argumentRow(argument: Argument): string[] {
  const dots = argument.variadic ? "..." : "";
  const name = `${argument.name()}${dots}`;
  return [code(argument.required ? `<${name}>` : `[${name}]`), meaning(argument)];
}

const optionRow = (option: Option): string[] => [code(option.flags), defaultOf(option), meaning(option)];

/** A flag's default is off and not shown. */
function defaultOf({ mandatory, defaultValue }: Option): string {
  if (mandatory) return "required";
  return defaultValue === undefined || defaultValue === false ? "" : code(String(defaultValue));
}

function meaning({ description, argChoices }: Argument | Option): string {
  const choices = argChoices === undefined ? [] : [`One of ${codes(argChoices)}.`];
  return [plain(description), ...choices].join(choices.length > 0 ? ". " : "");
}
