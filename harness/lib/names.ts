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

/** Kinds whose name follows: `pod new-east`, `EndpointSlices of echo`, `port 8080`. */
const kindNames =
  "node|pod|service|policy|port|deployment|namespace|identity|ServiceImport|ServiceExport|EndpointSlice|CiliumEndpoint";
/** Parts of a cluster that have no name of their own: `the kvstore of west`, `west's clustermesh-apiserver`. */
const parts = "kvstore|KVStoreMesh|clustermesh-apiserver|CoreDNS|operator|agents?";
const word = "\\w[\\w.-]*";
/** What follows a kind in a sentence and is no name. */
const noName =
  "(?!(?:of|is|in|to|are|has|have|at|and|with|that|was|were|for|on|by|from|does|do|ready|left)\\b)";
const objectPatterns = [
  // An address.
  /\d{1,3}(\.\d{1,3}){3}/,
  /[\da-f]::[\da-f]/i,
  // `east/worker`, `namespace/name`.
  /[\w.-]*[a-z][\w.-]*\/[\w.-]*[a-z]/i,
  // `mcs-plain:80`.
  /\b[a-z][\w.-]*:\d+\b/,
  new RegExp(`\\b(${kindNames})s?( of)? ${noName}${word}`, "i"),
  new RegExp(`\\b(${parts}) (of|on) ${word}`),
  new RegExp(`${word}'s (${parts})\\b`),
];

/** Whether a message names more than a cluster: a node, a pod, a service, a policy, a port, or a part of a cluster. */
export const namesObject = (message: string): boolean => objectPatterns.some((p) => p.test(message));
