/** Receives the progress of long work. The terminal and the plain-line renderer implement it. */
export interface Progress {
  /** Runs `work` as a named, timed step; `expectMs` is an estimate from earlier runs. */
  step<T>(title: string, work: (step: StepHandle) => Promise<T>, options?: StepOptions): Promise<T>;
  /** One line outside any step. */
  note(text: string): void;
}

export interface StepOptions {
  readonly expectMs?: number;
}

export interface StepHandle {
  /** What the step is doing now; replaces the last text. */
  detail(text: string): void;
}

/** A progress without output. */
export const silent: Progress = {
  step: (_title, work) => work({ detail: () => {} }),
  note: () => {},
};
