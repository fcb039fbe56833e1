/** Tolerates every taint, so that every node has a vantage point, including control planes. */
export const tolerateAll = [{ operator: "Exists" }];
