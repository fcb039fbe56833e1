type Optional<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };
type Certain<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

/** A record without its undefined values: what was not said is not there, and does not lie over a default. */
export const given = <T extends object>(record: T): Certain<T> & Optional<T> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Certain<T> &
    Optional<T>;
