// For unit tests: hostile text that a cluster or an archive can contain, and what must not appear in the output.
import fc from "fast-check";

const pieces = [
  ...["::error::boom", "::", ":", "::stop-commands::t", "##[error]", "##[", "##vso[task.x]", "##", "#", "["],
  ...[
    "vso",
    "section_start:1:a\r\u001b[0K",
    "\u001b",
    "[31m",
    "\u001b]8;;http://x\u0007",
    "\u009b",
    "\r\n",
    "\r",
  ],
  ...["\n", "\t", " ", "\u00a0", "\b", "\u007f", "\u0000", "\u202e", "\u2067", "\u2028", "\u200b", "\ufeff"],
  ...[
    "\ud800",
    "\udc00",
    "\uffff",
    "|",
    "\\",
    "`",
    "```",
    "<script>",
    "</td>",
    '"',
    "'",
    "&lt;",
    "&#x1b;",
    "&#0;",
    "]]>",
    "$(id)",
  ],
  ...["west", "pod-0", "é", "世界", "*", "_", "[a](javascript:1)", "![a](http://x)", "-", "--all", ";", "{{"],
] as const;

export const textOfOthers = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary" })), { maxLength: 12 })
  .map((parts) => parts.join(""));

/** One text with all of these. */
export const hostileText: string = pieces.join(" ");

/** Characters that a terminal obeys or a reader cannot see. */
export const unseen = /[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u034f\u115f\u180b-\u180f\u3164\ufe00-\ufe0f]--\n]/v;

/** Commands as CI runners look for them: GitHub's and Gitea's, Azure's, TeamCity's, GitLab's. */
export const isWorkflowCommand = (line: string): boolean =>
  /^[\s\u0085]*::/.test(line) ||
  /##\[|##(vso|teamcity)\[/i.test(line) ||
  // biome-ignore lint/suspicious/noControlCharactersInRegex: GitLab's marker contains them.
  /section_(start|end):\d+:.*\r\u001b\[0K/.test(line);
