// The part of Markdown that our own documents are written in: headings, paragraphs, lists, tables, and within a line
// emphasis, code and links. What is none of these is text.

export type Inline =
  | { kind: "text" | "strong" | "em" | "code"; text: string }
  | { kind: "link"; text: string; href: string };

export type Block =
  | { kind: "heading"; level: number; text: Inline[] }
  | { kind: "paragraph"; text: Inline[] }
  | { kind: "list"; items: Inline[][] }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };

const INLINE = /\*\*(.+?)\*\*|\*(.+?)\*|`(.+?)`|\[(.+?)\]\((.+?)\)/g;

/** A line in its parts. */
export function inline(line: string): Inline[] {
  const parts: Inline[] = [];
  let from = 0;
  for (const match of line.matchAll(INLINE)) {
    if (match.index > from) parts.push({ kind: "text", text: line.slice(from, match.index) });
    const [whole, strong, em, code, text, href] = match;
    if (strong) parts.push({ kind: "strong", text: strong });
    else if (em) parts.push({ kind: "em", text: em });
    else if (code) parts.push({ kind: "code", text: code });
    else if (text && href) parts.push({ kind: "link", text, href });
    from = match.index + whole.length;
  }
  if (from < line.length) parts.push({ kind: "text", text: line.slice(from) });
  return parts;
}

/** The text of parts alone. */
export const plain = (parts: Inline[]) => parts.map(({ text }) => text).join("");

/** A document as its blocks, which blank lines divide. */
export function blocks(document: string): Block[] {
  return document
    .split(/\n\s*\n/)
    .map((chunk) => chunk.trim())
    .filter(Boolean)
    .map(block);
}

function block(chunk: string): Block {
  const lines = chunk.split("\n");
  const heading = /^(#+) (.+)$/.exec(chunk);
  if (heading?.[1] && heading[2]) return { kind: "heading", level: heading[1].length, text: inline(heading[2]) };
  if (chunk.startsWith("|")) {
    // The second line of a table divides its head from its rows.
    const [head = [], , ...rows] = lines.map(cells);
    return { kind: "table", head, rows };
  }
  if (chunk.startsWith("* ")) {
    const items = chunk.slice(2).split(/\n\* /);
    return { kind: "list", items: items.map((item) => inline(joined(item))) };
  }
  return { kind: "paragraph", text: inline(joined(chunk)) };
}

/** A text that goes on over lines, as one. */
const joined = (text: string) => text.replace(/\s*\n\s*/g, " ");

function cells(line: string): Inline[][] {
  const inner = line.trim().replace(/^\||\|$/g, "");
  return inner.split("|").map((cell) => inline(cell.trim()));
}

/** Blocks under the headings of one level, the first without one. */
export function sections(all: Block[], level: number): { title: string; blocks: Block[] }[] {
  const parts: { title: string; blocks: Block[] }[] = [{ title: "", blocks: [] }];
  for (const one of all) {
    if (one.kind === "heading" && one.level === level) parts.push({ title: plain(one.text), blocks: [] });
    else parts.at(-1)?.blocks.push(one);
  }
  return parts;
}
