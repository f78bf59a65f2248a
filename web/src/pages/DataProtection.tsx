import text from "../../../docs/data-protection.md?raw";
import { type Block, blocks, type Inline, plain, sections } from "../markdown";
import { Card, Page, Table } from "../ui";

// What is written in the repository is what is shown: there is one text to keep true.
const [intro, ...parts] = sections(blocks(text), 2);
const [heading, ...lead] = intro?.blocks ?? [];

/** For everyone, also without an account. */
export function DataProtectionPage() {
  return (
    <Page
      name="data-protection"
      title={heading?.kind === "heading" ? plain(heading.text) : "Data protection"}
      lead={lead.map((one, place) => one.kind === "paragraph" && <Line key={place} parts={one.text} />)}
    >
      {parts.map(({ title, blocks }) => (
        <Card key={title} title={title} className="prose">
          {blocks.map((one, place) => (
            <Shown key={place} block={one} caption={title} />
          ))}
        </Card>
      ))}
    </Page>
  );
}

function Shown({ block, caption }: { block: Block; caption: string }) {
  switch (block.kind) {
    case "heading":
      return (
        <h3>
          <Line parts={block.text} />
        </h3>
      );
    case "paragraph":
      return (
        <p>
          <Line parts={block.text} />
        </p>
      );
    case "list":
      return (
        <ul>
          {block.items.map((item) => (
            <li key={plain(item)}>
              <Line parts={item} />
            </li>
          ))}
        </ul>
      );
    case "table":
      return (
        <Table
          caption={caption}
          columns={block.head.map((head, place) => ({
            head: plain(head),
            cell: (row: Inline[][]) => <Line parts={row[place] ?? []} />,
          }))}
          rows={block.rows}
          rowKey={(row) => plain(row[0] ?? [])}
          empty="Nothing."
        />
      );
  }
}

function Line({ parts }: { parts: Inline[] }) {
  return parts.map((part, place) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "strong":
        return <strong key={place}>{part.text}</strong>;
      case "em":
        return <em key={place}>{part.text}</em>;
      case "code":
        return <code key={place}>{part.text}</code>;
      case "link":
        // Other documents of the repository are not served.
        return /^https?:/.test(part.href) ? (
          <a key={place} href={part.href}>
            {part.text}
          </a>
        ) : (
          <code key={place}>docs/{part.href}</code>
        );
    }
  });
}
