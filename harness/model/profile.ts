/** Methods of meshing; the README's coverage table names the document that describes each. */
export const profileNames = ["default", "kkp", "external-etcd", "cli"] as const;
export type ProfileName = (typeof profileNames)[number];
