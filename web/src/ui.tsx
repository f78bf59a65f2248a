// The pieces pages are made of.

import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Problem } from "./api";
import { moment, short, utc } from "./format";
import type { Loaded } from "./live";
import { Link } from "./route";

/** A page: its heading is stable and focusable, and the document takes its title. */
export function Page(props: {
  name: string;
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="page" data-page={props.name}>
      <title>{`${props.title} · Wattex`}</title>
      <header className="page-head">
        <div>
          <h1 tabIndex={-1}>{props.title}</h1>
          {props.lead && <p className="lead">{props.lead}</p>}
        </div>
        {props.actions && <div className="page-actions">{props.actions}</div>}
      </header>
      {props.children}
    </div>
  );
}

export function Card(props: {
  title?: string;
  id?: string;
  aside?: ReactNode;
  className?: string;
  children: ReactNode;
}) {
  const own = useId();
  const id = props.id ?? own;
  return (
    <section
      className={`card ${props.className ?? ""}`}
      aria-labelledby={props.title ? `${id}-title` : undefined}
      id={props.id}
    >
      {props.title && (
        <header className="card-head">
          <h2 id={`${id}-title`} tabIndex={-1}>
            {props.title}
          </h2>
          {props.aside && <div className="card-aside">{props.aside}</div>}
        </header>
      )}
      {props.children}
    </section>
  );
}

/** Moves the focus to the heading of the card of this id, where what had it is gone. */
export function focusCard(id: string) {
  document.getElementById(`${id}-title`)?.focus();
}

export interface Column<T> {
  head: string;
  cell: (row: T) => ReactNode;
  /** Numbers stand right-aligned in figures of one width. */
  numeric?: boolean;
  /** A column that says nothing to the eye alone, such as one of buttons. */
  hideHead?: boolean;
}

export function Table<T>(props: {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  empty: ReactNode;
  rowClass?: (row: T) => string | undefined;
  showCaption?: boolean;
}) {
  if (!props.rows.length) return <Empty>{props.empty}</Empty>;
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={props.caption}>
      <table>
        <caption className={props.showCaption ? undefined : "sr-only"}>{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.head} scope="col" className={column.numeric ? "num" : undefined}>
                {column.hideHead ? <span className="sr-only">{column.head}</span> : column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.rowKey(row)} className={props.rowClass?.(row)}>
              {props.columns.map((column, place) => (
                <Cell key={column.head} names={place === 0} numeric={column.numeric}>
                  {column.cell(row)}
                </Cell>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A cell; the first of a row names it. */
function Cell(props: { names: boolean; numeric: boolean | undefined; children: ReactNode }) {
  const className = props.numeric ? "num" : undefined;
  if (!props.names) return <td className={className}>{props.children}</td>;
  return (
    <th scope="row" className={className}>
      {props.children}
    </th>
  );
}

/** Walks through a list page by page: `trail` has the cursors of the pages behind the first, which has the newest
 * items unless `order` says otherwise. */
export function Pager(props: {
  trail: string[];
  next: string | undefined;
  onMove: (trail: string[]) => void;
  order?: "newest" | "oldest";
}) {
  const { trail, next, onMove, order = "newest" } = props;
  if (!trail.length && !next) return null;
  const [first, back, on] = order === "newest" ? ["Newest", "Newer", "Older"] : ["Oldest", "Older", "Newer"];
  return (
    <div className="pager">
      <button type="button" className="quiet" disabled={!trail.length} onClick={() => onMove([])}>
        {first}
      </button>
      <button type="button" className="quiet" disabled={!trail.length} onClick={() => onMove(trail.slice(0, -1))}>
        ‹ {back}
      </button>
      <button type="button" className="quiet" disabled={!next} onClick={() => next && onMove([...trail, next])}>
        {on} ›
      </button>
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

export type Tone = "good" | "warn" | "bad" | "info" | "quiet";

export function Badge({ tone = "quiet", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

/** How something stands, and why it goes no further. */
export function Standing(props: { of: [text: string, tone: Tone]; reason?: string | undefined }) {
  const [text, tone] = props.of;
  return (
    <>
      <Badge tone={tone}>{text}</Badge>
      {props.reason && <span className="muted"> {props.reason}</span>}
    </>
  );
}

/** A moment in a time zone; whoever points at it reads it in UTC. */
export function When({ at, zone }: { at: string; zone: string | undefined }) {
  return (
    <time dateTime={at} title={utc(at)}>
      {moment(at, zone)}
    </time>
  );
}

export function Notice({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <div className={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      {children}
    </div>
  );
}

export function Stat(props: {
  label: string;
  value: ReactNode;
  unit?: string;
  note?: ReactNode;
  /** A colour shared with a part of a bar. */
  kind?: string;
}) {
  return (
    <div className="stat">
      <dt>
        {props.kind && <i className={`key ${props.kind}`} aria-hidden="true" />}
        {props.label}
      </dt>
      <dd>
        <span className="stat-value">{props.value}</span>
        {props.unit && <span className="stat-unit"> {props.unit}</span>}
        {props.note && <span className="stat-note">{props.note}</span>}
      </dd>
    </div>
  );
}

export function Stats({ children }: { children: ReactNode }) {
  return <dl className="stats">{children}</dl>;
}

/** What is shown of something that is being loaded, has failed, or is there. */
export function Load<T>(props: { of: Loaded<T>; children: (data: T) => ReactNode }) {
  const { data, error, reload } = props.of;
  return (
    <>
      {error && <Failed error={error} reload={reload} />}
      {data !== undefined ? props.children(data) : !error && <Skeleton />}
    </>
  );
}

/** Why there is nothing, and what can be done: what a role may not see does not come by trying again. */
function Failed({ error, reload }: { error: Error; reload: () => void }) {
  if (error instanceof Problem && error.body.status === 403) {
    return <Notice tone="info">Your role may not see this. Ask somebody of the staff whose role may.</Notice>;
  }
  return (
    <Notice tone="bad">
      {error.message}{" "}
      <button type="button" className="link" onClick={reload}>
        Try again
      </button>
    </Notice>
  );
}

export function Skeleton() {
  return (
    <div className="skeleton" role="status">
      <span className="sr-only">Loading</span>
      <i />
      <i />
      <i />
    </div>
  );
}

export function Field(props: {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: (attributes: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}) {
  const id = useId();
  const notes = props.error ?? props.hint;
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.children({
        id,
        ...(notes ? { "aria-describedby": `${id}-notes` } : {}),
        ...(props.error ? { "aria-invalid": true as const } : {}),
      })}
      {notes && (
        <p id={`${id}-notes`} className={props.error ? "field-error" : "hint"}>
          {notes}
        </p>
      )}
    </div>
  );
}

/** Copies a text, where the browser lets pages do so, and says for a moment that it did. */
export function useCopy(): [copied: boolean, copy: (text: string) => Promise<void>] {
  const [copied, setCopied] = useState(false);
  const copy = async (text: string) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return [copied, copy];
}

/** A button that copies what stands beside it; `name` says what that is. */
function Copy({ value, name }: { value: string; name: string }) {
  const [copied, copy] = useCopy();
  return (
    <>
      <button type="button" className="copy" onClick={() => copy(value)} aria-label={`Copy ${name}`}>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path d={copied ? "M3 8.500l3.500 3.500L13 4.500" : "M6 5.500h7.500V14H6zM10.500 5.500V2.500H3V11h3"} />
        </svg>
      </button>
      <span className="sr-only" role="status">
        {copied ? "Copied" : ""}
      </span>
    </>
  );
}

/** A text that can be copied as `value`, which may be written in another way than it is shown. */
export function Copyable({ value, name, children }: { value: string; name: string; children: ReactNode }) {
  return (
    <span className="hash full">
      <span>{children}</span>
      <Copy value={value} name={name} />
    </span>
  );
}

/** A hash or address that can be copied, linked to where it is explained. */
export function Hash(props: { value: string; href?: string; full?: boolean }) {
  const text = props.full ? props.value : short(props.value);
  return (
    <span className={`hash ${props.full ? "full" : ""}`}>
      {props.href ? (
        <Link href={props.href} title={props.value}>
          <code>{text}</code>
        </Link>
      ) : (
        <code title={props.value}>{text}</code>
      )}
      <Copy value={props.value} name={props.value} />
    </span>
  );
}

/** An address on the chain, linked to what it did. */
export function Address({ value, full }: { value: string; full?: boolean }) {
  return <Hash value={value} href={`/explorer/address/${value.toLowerCase()}`} full={full ?? false} />;
}

export function Tabs(props: { label: string; items: { href: string; text: string; on: boolean }[] }) {
  const place = useRef<HTMLElement>(null);
  const at = props.items.find((item) => item.on)?.href;
  // On a narrow screen the tabs go on sideways: the one that is shown is in sight.
  useEffect(() => {
    const nav = place.current;
    const tab = nav?.querySelector<HTMLElement>("[aria-current]");
    if (nav && tab) nav.scrollLeft = tab.offsetLeft - nav.offsetLeft - (nav.clientWidth - tab.clientWidth) / 2;
  }, [at]);
  return (
    <nav className="tabs" aria-label={props.label} ref={place}>
      {props.items.map((item) => (
        <Link key={item.href} href={item.href} aria-current={item.on ? "page" : undefined}>
          {item.text}
        </Link>
      ))}
    </nav>
  );
}

export function Facts({ items }: { items: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
