/** A function of an object that never changes, computed once for each: several parts ask for the same. */
export function oncePer<Of extends object, Result>(compute: (of: Of) => Result): (of: Of) => Result {
  const done = new WeakMap<Of, { readonly result: Result }>();
  return (of) => {
    const kept = done.get(of) ?? { result: compute(of) };
    done.set(of, kept);
    return kept.result;
  };
}
