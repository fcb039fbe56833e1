import manifest from "../../package.json" with { type: "json" };

/** Meshproof's own version. `package.json` alone says it. */
export const meshproofVersion: string = manifest.version;
