/** What stands before the first `mark`: the whole text where there is none. */
export function before(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at < 0 ? text : text.slice(0, at);
}

/**
 * Whether a text names something, as a word of its own: `west` is not named by node `meshproof-lab--west-worker`, nor
 * 10.2.0.1 by 10.2.0.11. What only begins with the name is of it: a pod of a deployment, a node of a cluster.
 */
export function holdsName(text: string, name: string): boolean {
  return new RegExp(`(?<![\\w-]|\\d\\.)${RegExp.escape(name)}(?!\\w|\\.\\d)`).test(text);
}
