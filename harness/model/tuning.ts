/**
 * How a lab is set up. `tuned`: so that a small machine adds as little as possible to what Cilium does. `untuned`: with
 * the defaults of Kubernetes and of Cilium's chart.
 */
export const tunings = ["tuned", "untuned"] as const;
export type Tuning = (typeof tunings)[number];
