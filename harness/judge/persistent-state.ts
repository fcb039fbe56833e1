import type { PersistentState } from "#harness/model/persistent-state.ts";

const nouns: Readonly<Record<keyof PersistentState, string>> = {
  identities: "identity of pod",
  endpoints: "endpoint id of pod",
  backends: "backends of",
  policies: "status of policy",
};

/** Missing entries: incomplete state cannot show that it persists. */
export function unsettled(state: PersistentState): string[] {
  return (Object.keys(nouns) as (keyof PersistentState)[]).flatMap((part) => {
    const entries = Object.entries(state[part]);
    const open = entries.filter(([, value]) => value === "" || value === "none" || value === "False");
    return entries.length === 0
      ? [`no ${nouns[part]} anything`]
      : open.map(([name, value]) => `${nouns[part]} ${name}: ${value || "none"}`);
  });
}

/** Differences, one line each. */
export function changesOf(cluster: string, before: PersistentState, after: PersistentState): string[] {
  return (Object.keys(nouns) as (keyof PersistentState)[]).flatMap((part) =>
    Object.entries(before[part]).flatMap(([name, was]) => {
      const is = after[part][name];
      return is === was ? [] : [`${cluster}: ${nouns[part]} ${name} was ${was}, is ${is ?? "gone"}`];
    }),
  );
}

/**
 * The part of a state that is to survive a move which was disturbed on purpose: without the pods that were replaced or
 * restarted, and without the backends, whose addresses are theirs.
 */
export function withoutDisturbed(state: PersistentState, pods: readonly string[]): PersistentState {
  const gone = new Set(pods);
  const kept = (entries: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(entries).filter(([pod]) => !gone.has(pod)));
  return { ...state, identities: kept(state.identities), endpoints: kept(state.endpoints), backends: {} };
}
