/** The text before the first `mark`; the whole text if there is none. */
export function before(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at < 0 ? text : text.slice(0, at);
}

/**
 * Whether a text contains a name as a separate word: `meshproof-lab--west-worker` does not contain `west`, and 10.2.0.11
 * does not contain 10.2.0.1. A longer name that begins with it counts: a pod of a deployment, a node of a cluster.
 */
export function holdsName(text: string, name: string): boolean {
  return new RegExp(`(?<![\\w-]|\\d\\.)${RegExp.escape(name)}(?!\\w|\\.\\d)`).test(text);
}
