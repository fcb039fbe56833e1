/** What must outlive an upgrade, of one cluster; every map by the object's own name. */
export interface LastingState {
  /** Pod to its security identity. */
  readonly identities: Readonly<Record<string, string>>;
  /** Pod to its endpoint's id on its node. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Service, as an agent has it in its BPF map, to its backends. */
  readonly backends: Readonly<Record<string, string>>;
  /** CiliumNetworkPolicy to its `Valid` condition. */
  readonly policies: Readonly<Record<string, string>>;
}

const nouns: Readonly<Record<keyof LastingState, string>> = {
  identities: "identity of pod",
  endpoints: "endpoint id of pod",
  backends: "backends of",
  policies: "status of policy",
};

/** What is not there yet: state that was never whole could only pretend to have lasted. */
export function unsettled(state: LastingState): string[] {
  return (Object.keys(nouns) as (keyof LastingState)[]).flatMap((part) => {
    const entries = Object.entries(state[part]);
    const open = entries.filter(([, value]) => value === "" || value === "none" || value === "False");
    return entries.length === 0
      ? [`no ${nouns[part]} anything`]
      : open.map(([name, value]) => `${nouns[part]} ${name}: ${value || "none"}`);
  });
}

/** What is not as it was before, one line each. */
export function changesOf(cluster: string, before: LastingState, after: LastingState): string[] {
  return (Object.keys(nouns) as (keyof LastingState)[]).flatMap((part) =>
    Object.entries(before[part]).flatMap(([name, was]) => {
      const is = after[part][name];
      return is === was ? [] : [`${cluster}: ${nouns[part]} ${name} was ${was}, is ${is ?? "gone"}`];
    }),
  );
}
