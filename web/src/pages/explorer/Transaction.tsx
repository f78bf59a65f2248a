import * as api from "../../api";
import { count, utc } from "../../format";
import { useLoad } from "../../live";
import { Link } from "../../route";
import { Address, Card, Facts, Hash, Load } from "../../ui";
import { Events } from "./Events";
import { Result } from "./Lists";

export function TransactionView({ hash }: { hash: string }) {
  const transaction = useLoad(`tx ${hash}`, () => api.transaction(hash), ["block_removed"]);
  return (
    <Load of={transaction}>
      {(tx) => (
        <>
          <Card title="Transaction" id="transaction" aside={<Result success={tx.success} />}>
            <Facts
              items={[
                ["Hash", <Hash key="h" value={tx.hash} full />],
                [
                  "Block",
                  <span key="b">
                    <Link href={`/explorer/block/${tx.block}`}>{tx.block}</Link>, place {count(tx.position)}
                  </span>,
                ],
                ["Time", utc(tx.timestamp)],
                ["From", <Address key="f" value={tx.from} full />],
                [
                  "To",
                  tx.to ? <Address key="t" value={tx.to} full /> : "a new contract",
                ],
                ["Gas used", count(tx.gas_used)],
              ]}
            />
          </Card>
          <Card title="Events" id="events">
            <Events events={tx.events} />
          </Card>
        </>
      )}
    </Load>
  );
}
