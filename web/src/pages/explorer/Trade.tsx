import * as api from "../../api";
import { kwh, money, price, runName, utc } from "../../format";
import { useLoad } from "../../live";
import { Link } from "../../route";
import type { ChainTrade } from "../../types";
import { Address, Card, Empty, Facts, Hash, Load } from "../../ui";
import { TradeState } from "./Lists";

export function TradeView({ id }: { id: string }) {
  const trade = useLoad(`trade ${id}`, () => api.chainTrade(id), ["block", "block_removed"]);
  return (
    <Load of={trade}>
      {(data) => (
        <>
          <Card title="Trade" id="trade" aside={<TradeState trade={data} />}>
            <Facts
              items={[
                ["Name on chain", <Hash key="t" value={data.trade} full />],
                ["Slot", utc(data.slot)],
                ["Seller", <Address key="s" value={data.seller} full />],
                ["Buyer", <Address key="b" value={data.buyer} full />],
                ["Agreed", `${kwh(data.quantity_wh)} kWh at ${agreedPrice(data)}`],
                ["Buyer's escrow", `$${money(data.escrow, 9)}`],
                ["Seller's collateral", `$${money(data.collateral, 9)}`],
                ["Clearing", <Hash key="c" value={data.clearing} full />],
                [
                  "Settled by",
                  <span key="x">
                    <Hash value={data.transaction} href={`/explorer/tx/${data.transaction}`} /> in block{" "}
                    <Link href={`/explorer/block/${data.block}`}>{data.block}</Link>
                  </span>,
                ],
              ]}
            />
          </Card>
          <Card title="What was delivered, and who was paid" id="outcome">
            <Outcome trade={data} />
            <p>
              <Link href={`/challenges/${data.trade}`}>Check and challenge</Link>
              <span className="muted"> – for the buyer, the seller and staff: what both meters signed</span>
            </p>
          </Card>
        </>
      )}
    </Load>
  );
}

/** One price, or what the buyer pays and the seller gets. */
function agreedPrice({ price: bought, sell_price: sold }: ChainTrade): string {
  if (bought === sold) return `$${price(bought)}/kWh`;
  return `$${price(bought)}/kWh for the buyer, $${price(sold)}/kWh for the seller`;
}

function Outcome({ trade }: { trade: ChainTrade }) {
  const { outcome } = trade;
  if (!outcome) return <Empty>The meters have not spoken yet: the money waits in escrow.</Empty>;
  const dollars = (amount: string) => `$${money(amount, 9)}`;
  return (
    <Facts
      items={[
        ["Run", runName(outcome.run)],
        ["Delivered", `${kwh(outcome.delivered_wh)} of ${kwh(trade.quantity_wh)} kWh`],
        ["Seller short of", `${kwh(outcome.seller_short_wh)} kWh`],
        ["Buyer short of", `${kwh(outcome.buyer_short_wh)} kWh`],
        ["To the seller", dollars(outcome.seller_net)],
        ["To the network", dollars(outcome.network)],
        ["To the platform", dollars(outcome.platform)],
        ["Difference of the prices, to the pot", dollars(outcome.difference)],
        ["Made whole, to the buyer", dollars(outcome.make_whole)],
        ["Compensation, to the seller", dollars(outcome.compensation)],
        ["Imbalance, to who balances the grid", dollars(outcome.imbalance)],
        ["Back to the buyer", dollars(outcome.refund)],
        ["Collateral back to the seller", dollars(outcome.collateral_back)],
      ]}
    />
  );
}
