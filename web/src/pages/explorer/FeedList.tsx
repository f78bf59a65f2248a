import { useState } from "react";
import * as api from "../../api";
import { Filter } from "../../fields";
import { count, utc } from "../../format";
import { type News, useLoad } from "../../live";
import { KINDS, NAMES, hiddenSteps, newsText, stepsOf } from "../../news";
import { Link } from "../../route";
import type { FeedEvent, FeedKind } from "../../types";
import { Badge, Card, Hash, Load, Pager, Table } from "../../ui";
import { Fields } from "./Events";

/** Blocks have a list of their own. */
const TOLD: FeedKind[] = KINDS.filter((kind) => kind !== "block" && kind !== "block_removed");
const NEWS: News[] = [...TOLD, "block_removed"];

/** What happened, by the names of the market's rules: newest first, of one kind or of all. */
export function FeedList() {
  const [kind, setKind] = useState<FeedKind | "">("");
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const load = () => api.feedEvents(kind || undefined, cursor);
  const page = useLoad(`feed ${kind} ${cursor ?? ""}`, load, cursor ? [] : NEWS);
  const choose = (value: string) => {
    setKind(value as FeedKind | "");
    setTrail([]);
  };
  return (
    <Card title="Events" id="feed" aside={!cursor && <Badge tone="good">Newest</Badge>}>
      <p className="hint">
        Nobody is named here: an account is the address that it settles at, and of an order nobody sees more than its slot
        before it is cleared.
      </p>
      <Filter id="feed-kind" label="Show" value={kind} onChange={choose}>
        <option value="">All events</option>
        {TOLD.map((one) => (
          <option key={one} value={one}>
            {NAMES[one]}
          </option>
        ))}
      </Filter>
      <Load of={page}>
        {(data) => (
          <>
            <Table
              caption="Events, newest first"
              rows={data.items}
              rowKey={(event) => String(event.id)}
              empty={kind ? `No ${NAMES[kind]} was told of yet.` : "Nothing was told of yet. It comes with the first accounts."}
              columns={[
                { head: "Event", cell: (event) => <Badge>{event.name}</Badge> },
                { head: "Time", cell: (event) => event.at && <time dateTime={event.at}>{utc(event.at)}</time> },
                {
                  head: "Block",
                  numeric: true,
                  cell: ({ block }) => block !== undefined && <Link href={`/explorer/block/${block}`}>{block}</Link>,
                },
                { head: "What", cell: (event) => <What event={event} /> },
              ]}
            />
            <Pager trail={trail} next={data.next} onMove={setTrail} />
          </>
        )}
      </Load>
    </Card>
  );
}

/** A line, and all that is said of it. */
function What({ event }: { event: FeedEvent }) {
  const { transaction } = event.body as { transaction?: string };
  const hidden = hiddenSteps(event);
  return (
    <details>
      <summary>{newsText(event) || "More"}</summary>
      {stepsOf(event).map((fields, place) => (
        <Fields key={place} fields={fields} plain />
      ))}
      {transaction && (
        <p>
          {hidden > 0 && `${count(hidden)} more in transaction `}
          {hidden === 0 && "Transaction "}
          <Hash value={transaction} href={`/explorer/tx/${transaction}`} />
        </p>
      )}
    </details>
  );
}
