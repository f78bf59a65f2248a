import { Card, Facts, Hash } from "../../ui";
import { TradeList, TransactionList } from "./Lists";

export function AddressView({ address }: { address: string }) {
  return (
    <>
      <Card title="Address" id="address">
        <Facts items={[["Address", <Hash key="a" value={address} full />]]} />
      </Card>
      <TradeList address={address} />
      <TransactionList address={address} />
    </>
  );
}
