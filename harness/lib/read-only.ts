/** The same type all the way down without a way to change it: what was recorded stays as it was recorded. */
export type ReadOnly<T> = unknown extends T
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, ReadOnly<V>>
    : T extends object
      ? { readonly [K in keyof T]: ReadOnly<T[K]> }
      : T;
