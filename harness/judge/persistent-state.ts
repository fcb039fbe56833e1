import type { PersistentState } from "#harness/model/persistent-state.ts";

type Part = Exclude<keyof PersistentState, "twins">;

const nouns: Readonly<Record<Part, string>> = {
  identities: "identity of pod",
  endpoints: "endpoint id of pod",
  backends: "backends of",
  policies: "status of policy",
};

const parts = Object.keys(nouns) as Part[];

/** Missing entries: incomplete state cannot show that it persists. */
export function unsettled(state: PersistentState): string[] {
  return parts.flatMap((part) => {
    const entries = Object.entries(state[part]);
    const open = entries.filter(([, value]) => value === "" || value === "none" || value === "False");
    return entries.length === 0
      ? [`no ${nouns[part]} anything`]
      : open.map(([name, value]) => `${nouns[part]} ${name}: ${value || "none"}`);
  });
}

/**
 * Differences, one line each. Of identities with the same labels an agent that starts again takes the one that was created
 * first, at random where they are of one second (`crdBackend.get`, pkg/k8s/identitybackend/identity.go@1.19.7): policies
 * know labels, so that is no difference.
 */
export function changesOf(cluster: string, before: PersistentState, after: PersistentState): string[] {
  return parts.flatMap((part) =>
    Object.entries(before[part]).flatMap(([name, was]) => {
      const is = after[part][name];
      const isTwin = part === "identities" && is !== undefined && before.twins[was]?.includes(is) === true;
      return is === was || isTwin
        ? []
        : [`${cluster}: ${nouns[part]} ${name} was ${was}, is ${is ?? "gone"}`];
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
