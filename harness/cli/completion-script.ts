import type { CliCommand } from "./command.ts";
import type { CliOption, Words } from "./options.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];
/** Kinds of words that can be completed, except files. */
export type WordLists = Readonly<Record<"suites" | "tags" | "faults" | "profiles", readonly string[]>>;

/** A command by its path, with its completions. */
interface Place {
  readonly path: string;
  readonly options: readonly CliOption[];
  /** Subcommands and possible arguments. */
  readonly words: readonly string[];
  readonly files: boolean;
}

const wordsOf = (words: Words | undefined, lists: WordLists): readonly string[] =>
  words === undefined || words === "files" ? [] : typeof words === "string" ? lists[words] : words;

function placesOf(
  commands: readonly CliCommand[],
  lists: WordLists,
  before = "",
  above: CliOption[] = [],
): Place[] {
  return commands.flatMap((command) => {
    const path = `${before}${command.name}`;
    const own = Object.values(command.options);
    const options = [...new Map([...above, ...own].map((o) => [longOf(o), o])).values()];
    const subcommands = command.commands.map((c) => c.name);
    const words = [...subcommands, ...command.arguments.flatMap((a) => wordsOf(a.words, lists))];
    const files = command.arguments.some((a) => a.words === "files");
    return [{ path, options, words, files }, ...placesOf(command.commands, lists, `${path} `, options)];
  });
}

const longOf = ({ flags }: CliOption): string => /--[a-z-]+/.exec(flags)?.[0] ?? "";
const takesValue = ({ flags }: CliOption): boolean => flags.includes("<");

/**
 * A script for one shell, from the commands' records. All its words are Meshproof names: letters, digits and dashes.
 */
export function scriptOf(shell: Shell, commands: readonly CliCommand[], lists: WordLists): string {
  const places = placesOf(commands, lists);
  if (shell === "fish") return fish(places, commands, lists);
  // zsh runs the bash script in its emulation.
  const zsh = shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
  return `${zsh}${bash(places, commands, lists)}`;
}

function bash(places: readonly Place[], commands: readonly CliCommand[], lists: WordLists): string {
  const values = places.flatMap(({ path, options }) =>
    options
      .filter(takesValue)
      .map((o) => `    "${path} ${longOf(o)}") values="${wordsOf(o.words, lists).join(" ")}"; isvalue=1;;`),
  );
  const cases = places.map(
    ({ path, options, words, files }) =>
      `    "${path}") words="${[...words, ...options.map(longOf)].join(" ")}"; files=${files ? 1 : 0};;`,
  );
  const known = places.map((p) => `"${p.path}"`).join("|");
  return `_meshproof() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path="" word values="" isvalue=0 words="${commands.map((c) => c.name).join(" ")}" files=0 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "\${path:+$path }$word" in
      ${known}) path="\${path:+$path }$word";;
    esac
  done
  case "$path $previous" in
${values.join("\n")}
  esac
  if [ "$isvalue" = 1 ]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
    [ -n "$values" ] || COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "$files" = 0 ] || COMPREPLY+=($(compgen -f -- "$current"))
}
complete -F _meshproof meshproof
`;
}

/** Only these two characters are special within fish's single quotes. */
const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;

function fish(places: readonly Place[], commands: readonly CliCommand[], lists: WordLists): string {
  const top = commands.map(
    (c) => `complete -c meshproof -f -n __fish_use_subcommand -a ${c.name} -d ${quoted(c.help)}`,
  );
  const rest = places.flatMap(({ path, options, words, files }) => {
    const seen = path
      .split(" ")
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join("; and ");
    const start = `complete -c meshproof -n ${quoted(seen)}`;
    return [
      ...(words.length === 0 ? [] : [`${start}${files ? "" : " -f"} -a ${quoted(words.join(" "))}`]),
      ...options.map((o) => {
        const name = `${start} -l ${longOf(o).slice(2)} -d ${quoted(o.help)}`;
        const known = wordsOf(o.words, lists);
        if (!takesValue(o)) return name;
        return known.length === 0 ? `${name} -r` : `${name} -x -a ${quoted(known.join(" "))}`;
      }),
    ];
  });
  return `${[...top, ...rest].join("\n")}\n`;
}
