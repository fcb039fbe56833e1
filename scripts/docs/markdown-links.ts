/** A link of a Markdown page to another file, or to a place in a page. */
export interface Link {
  /** As written, without the anchor; empty for an anchor in the same page. */
  readonly path: string;
  /** Without `#`. */
  readonly anchor?: string;
}

/** Relative links and images of a page, outside code. Links with a scheme are left out. */
export function linksOf(markdown: string): Link[] {
  const targets = [...withoutCode(markdown).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  return targets
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z][a-z+.-]*:/i.test(target))
    .map((target) => {
      const [path = "", anchor] = target.split("#", 2);
      return { path, ...(anchor === undefined ? {} : { anchor }) };
    });
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, title = ""] of withoutFences(markdown).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const slug = title
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n += 1) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

const withoutFences = (markdown: string): string => markdown.replaceAll(/^(`{3,}|~{3,}).*?^\1 *$/gms, "");
const withoutCode = (markdown: string): string =>
  withoutFences(markdown).replaceAll(/(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, "");
