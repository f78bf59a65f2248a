import { type ReactNode, useState } from "react";
import * as api from "../../api";
import { Form, TextField } from "../../fields";
import { count, moment } from "../../format";
import { useLoad } from "../../live";
import { addressOfWallet, hasWallet, signAsFormer, signAsNext } from "../../sign";
import { Signing, SigningFlow, useSigning } from "../../signing";
import { addressError, checkAddress, firstDay, fromOf, standingAt } from "../../succession";
import type { Account, AccountAddress, Market, PreparedAddress } from "../../types";
import { Address, Card, Load, Standing, Table } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

/** The addresses that the own account settles at, and the next one where its owner alone has the key. */
export function Addresses({ market }: { market: Market }) {
  const { account } = useUser();
  const id = account?.account ?? "";
  const list = useLoad(`addresses ${id}`, async () => (id ? api.addresses(id) : []), ["block"]);
  if (!account) return null;
  const zone = market.timezone;
  const waits = list.data?.some(({ from }) => from && Date.parse(from) > Date.parse(market.now));
  return (
    <Card title="Addresses" id="addresses">
      <p className="hint">
        Trades, cash and meters are on chain under an address. Whoever knows it can follow it: another one from a midnight on
        keeps those who look at trades from reading on.
      </p>
      <Load of={list}>
        {(items) => (
          <Table<AccountAddress>
            caption="Addresses of your account, oldest first"
            rows={items}
            rowKey={({ address }) => address}
            empty="Nothing is known of your addresses."
            columns={[
              { head: "Address", cell: ({ address }) => <Address value={address} /> },
              { head: "From", cell: ({ from }) => (from ? moment(from, zone) : "The beginning") },
              { head: "Until", cell: ({ until }) => (until ? moment(until, zone) : "–") },
              { head: "State", cell: (one) => <Standing of={standingAt(one, market.now)} /> },
            ]}
          />
        )}
      </Load>
      {account.custody === "own" && list.data && !waits && (
        <Change account={account} market={market} own={list.data} onDone={list.reload} />
      )}
    </Card>
  );
}

interface ChangeProps {
  account: Account;
  market: Market;
  own: AccountAddress[];
  onDone: () => void;
}

function Change({ account, market, own, onDone }: ChangeProps) {
  const [address, setAddress] = useState("");
  const [date, setDate] = useState("");
  const [tried, setTried] = useState(false);
  const work = useWork();
  const signing = useSigning<PreparedAddress>(onDone);
  const zone = market.timezone;
  const error = addressError(address, own.map((one) => one.address));
  const prepare = () => {
    setTried(true);
    if (error) return;
    const wish = { address: address.trim(), ...fromOf(date, zone) };
    void signing.prepare(async () => {
      const prepared = await api.prepareAddress(account.account, wish);
      const meters = (await api.meters()).filter((one) => one.account === account.account);
      const { market: at, meters: registry } = market.contracts;
      const known = { chain: market.chain_id, market: at, registry, meters };
      return checkAddress(prepared, wish, account.address, known);
    });
  };
  const take = () =>
    void work.run(async () => {
      setAddress(await addressOfWallet());
    });
  return (
    <SigningFlow
      of={signing}
      review={(prepared) => (
        <Review
          account={account}
          prepared={prepared}
          zone={zone}
          onDone={() => signing.done("Your account has a next address. What is free at the old one you move yourself.")}
          onBack={signing.back}
        />
      )}
    >
      <Form onSubmit={prepare}>
        <TextField
          label="Next address"
          hint="Of a key of your own, or of a contract account. Both addresses sign."
          required
          error={tried ? error : undefined}
          value={address}
          onChange={setAddress}
        />
        {hasWallet() && (
          <div className="row-actions">
            <button type="button" className="quiet" disabled={work.busy} onClick={take}>
              Take it from the wallet
            </button>
          </div>
        )}
        <TextField
          label="From"
          hint="A midnight; left empty, the earliest that orders placed ahead allow."
          type="date"
          min={firstDay(market.now, zone)}
          value={date}
          onChange={setDate}
        />
        <Outcome of={work.outcome} />
        <button type="submit" className="primary" disabled={signing.busy}>
          Continue
        </button>
      </Form>
    </SigningFlow>
  );
}

type SignedByNext = Awaited<ReturnType<typeof signAsNext>>;

/** Two signatures, one after the other: a wallet is at one address at a time. */
function Review(props: {
  account: Account;
  prepared: PreparedAddress;
  zone: string | undefined;
  onDone: () => void;
  onBack: () => void;
}) {
  const { account, prepared, zone } = props;
  const [next, setNext] = useState<SignedByNext>();
  const meters = prepared.enrolments.length;
  const facts: [string, ReactNode][] = [
    ["Next address", <Address key="n" value={prepared.address} full />],
    ["Address before", <Address key="f" value={prepared.former} full />],
    ["From", moment(prepared.from, zone)],
    ["Meters that go along", prepared.enrolments.map(({ serial }) => serial).join(", ") || "None"],
  ];
  if (!next) {
    const times = meters ? `${count(1 + meters)} times: for the change, then for each meter` : "once";
    return (
      <Signing
        key="next"
        facts={facts}
        action="Sign with the next address"
        hint={`First of two: bring your wallet to the next address. It signs ${times}.`}
        sign={async () => setNext(await signAsNext(prepared))}
        onBack={props.onBack}
      />
    );
  }
  const sign = async () => {
    const former_signature = await signAsFormer(prepared);
    await api.assignAddress(account.account, { ...next, from: prepared.from, former_signature });
    props.onDone();
  };
  return (
    <Signing
      key="former"
      facts={facts}
      action="Sign with the address before"
      hint="Second of two: bring your wallet back to the address before. It cannot be taken back."
      sign={sign}
      onBack={() => setNext(undefined)}
    />
  );
}
