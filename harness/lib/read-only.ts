/** The same type, read-only at every depth: a record does not change. */
export type ReadOnly<T> = unknown extends T
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, ReadOnly<V>>
    : T extends object
      ? { readonly [K in keyof T]: ReadOnly<T[K]> }
      : T;
