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
