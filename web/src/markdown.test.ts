import { expect, test } from "vitest";
import text from "../../docs/data-protection.md?raw";
import { blocks, inline, plain, sections } from "./markdown";

test("a line comes apart into text, emphasis, code and links", () => {
  expect(inline("a **b** *c* `d` [e](f.md).")).toEqual([
    { kind: "text", text: "a " },
    { kind: "strong", text: "b" },
    { kind: "text", text: " " },
    { kind: "em", text: "c" },
    { kind: "text", text: " " },
    { kind: "code", text: "d" },
    { kind: "text", text: " " },
    { kind: "link", text: "e", href: "f.md" },
    { kind: "text", text: "." },
  ]);
  expect(inline("")).toEqual([]);
});

test("blank lines divide headings, paragraphs, lists and tables", () => {
  const found = blocks("# Title\n\none\ntwo\n\n* a\n  more\n* b\n\n| x | y |\n|---|---|\n| 1 | |\n");
  expect(found.map(({ kind }) => kind)).toEqual(["heading", "paragraph", "list", "table"]);
  const [, paragraph, list, table] = found;
  expect(paragraph?.kind === "paragraph" && plain(paragraph.text)).toBe("one two");
  expect(list?.kind === "list" && list.items.map(plain)).toEqual(["a more", "b"]);
  expect(table?.kind === "table" && [table.head, ...table.rows].map((row) => row.map(plain))).toEqual([
    ["x", "y"],
    ["1", ""],
  ]);
});

test("the page about data protection is understood whole", () => {
  const parts = sections(blocks(text), 2);
  expect(parts.map(({ title }) => title)).toEqual(["", "On the chain", "What can be linked", "Off the chain"]);
  const tables = parts.flatMap(({ blocks }) => blocks).filter((one) => one.kind === "table");
  for (const { head, rows } of tables) for (const row of rows) expect(row.length, plain(row[0] ?? [])).toBe(head.length);
  expect(tables.length).toBe(2);
  const said = JSON.stringify(parts.map(({ blocks }) => blocks));
  for (const markup of ["**", "](", "|--", "##", "```"]) expect(said).not.toContain(markup);
});
