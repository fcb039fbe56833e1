/** Every taint is tolerated: a vantage point on every node, the control plane among them. */
export const tolerateAll = [{ operator: "Exists" }];
