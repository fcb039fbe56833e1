type Optional<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };
type Certain<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

/** A record without its undefined values, so that spreading it does not overwrite defaults. */
export const given = <T extends object>(record: T): Certain<T> & Optional<T> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Certain<T> &
    Optional<T>;
