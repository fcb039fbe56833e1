/** Ways of meshing, and the documents that describe them: the README's coverage table tells which is whose. */
export const profileNames = ["default", "kkp", "external-etcd", "cli"] as const;
export type ProfileName = (typeof profileNames)[number];
