/** The first texts of a list: `a, b and 7 more`. */
export const shortList = (texts: readonly string[], most: number): string =>
  `${texts.slice(0, most).join(", ")}${texts.length > most ? ` and ${texts.length - most} more` : ""}`;
