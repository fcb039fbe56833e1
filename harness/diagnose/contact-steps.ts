import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { Contact } from "./peer-addresses.ts";

const isSilence = (step: string, ip: string): boolean =>
  /^Cannot establish TCP connection/.test(step) &&
  /timeout|no route to host|unreachable|deadline exceeded/.test(step) &&
  (step.includes(`dial tcp ${ip}:`) || step.includes(`dial tcp [${ip}]:`));

/**
 * What `troubleshoot` says of a new connection to a peer: nothing answers at the address (`silent`), or it works, or fails
 * for another reason (`answered`); undefined where it was not read. Of several agents all must say so.
 */
export function answerOf(
  { agents, kvstoreMeshTrouble }: ClusterSnapshot,
  { who, peer }: Pick<Contact, "who" | "peer">,
  ip: string,
): "silent" | "answered" | undefined {
  const parts = who === "KVStoreMesh" ? [kvstoreMeshTrouble] : agents.map((a) => a.trouble);
  const read = parts.flatMap((part) => (part?.ok === true ? [part.value] : []));
  if (read.length === 0) return undefined;
  return read.every((steps) => steps.some((t) => t.peer === peer && isSilence(t.step, ip)))
    ? "silent"
    : "answered";
}

/**
 * Whether nothing answers a contact at an address: it is not connected, or a new connection gets no answer, which one that
 * has stood for long does not show. Undefined where something answers.
 */
export function silenceOf(cluster: ClusterSnapshot, contact: Contact, ip: string): string | undefined {
  const answer = answerOf(cluster, contact, ip);
  const is = contact.who === "KVStoreMesh" ? "is" : "are";
  if (answer === "silent" && contact.ready !== false) return "a new connection gets no answer";
  return contact.ready === false && answer !== "answered" ? `${contact.who} ${is} not connected` : undefined;
}
