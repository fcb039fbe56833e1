import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known } from "./parts.ts";
import type { Contact } from "./peer-addresses.ts";

/**
 * What `troubleshoot` says of the connection to a peer: nothing answers at its address (`silent`), something does, or
 * the failure is another one (`answered`); undefined where it says nothing.
 */
export function answerOf(
  { agents, kvstoreMeshTrouble }: ClusterSnapshot,
  { who, peer }: Pick<Contact, "who" | "peer">,
): "silent" | "answered" | undefined {
  const parts = who === "KVStoreMesh" ? [kvstoreMeshTrouble] : agents.map((a) => a.trouble);
  const steps = parts.flatMap((part) => known(part)).filter((t) => t.peer === peer);
  if (steps.length === 0) return undefined;
  const isSilent = steps.some(
    ({ step }) => /^Cannot establish TCP connection/.test(step) && !/refused/.test(step),
  );
  return isSilent ? "silent" : "answered";
}

/**
 * Whether nothing answers a contact: it is not connected, or a new connection gets no answer, which one that has stood for
 * long does not show. Undefined where something answers.
 */
export function silenceOf(cluster: ClusterSnapshot, contact: Contact): string | undefined {
  const answer = answerOf(cluster, contact);
  const is = contact.who === "KVStoreMesh" ? "is" : "are";
  if (answer === "silent" && contact.ready !== false) return "a new connection gets no answer";
  return contact.ready === false && answer !== "answered" ? `${contact.who} ${is} not connected` : undefined;
}
