import manifest from "../../package.json" with { type: "json" };

/** Meshproof's own version, read from `package.json`. */
export const meshproofVersion: string = manifest.version;
