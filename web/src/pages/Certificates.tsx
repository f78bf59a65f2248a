import { useState } from "react";
import * as api from "../api";
import { type CertificateRequest, isCertificate } from "../certificate";
import { useLoad } from "../live";
import type { Account, Holding } from "../types";
import { Card, Load, Page, Pager, focusCard } from "../ui";
import { useUnits } from "../units";
import { useUser } from "../user";
import { HoldingTable } from "./certificates/HoldingTable";
import { Requests } from "./certificates/Requests";
import { Retirements } from "./certificates/Retirements";
import { Totals } from "./certificates/Totals";
import { type Chosen, Use } from "./certificates/Use";
import { WalletTabs } from "./wallet/WalletTabs";

/** Where delivered energy came from: certificates of it, and what was used up for whom. */
export function CertificatesPage() {
  const { account } = useUser();
  const market = useLoad("market", api.market, ["block"]);
  const units = useUnits();
  return (
    <Page
      name="certificates"
      title="Certificates"
      lead="Where energy came from, watt-hour by watt-hour. Each can be certified once, and retired once."
    >
      {account && <WalletTabs units={units.data ?? []} at="certificates" />}
      <Contents account={account} zone={market.data?.timezone} />
    </Page>
  );
}

function Contents({ account, zone }: { account: Account | undefined; zone: string | undefined }) {
  const [trail, setTrail] = useState<string[]>([]);
  const [chosen, setChosen] = useState<Chosen>();
  const cursor = trail.at(-1);
  const holdings = useLoad(`certificates ${cursor ?? ""}`, () => api.certificates(cursor), ["block", "block_removed"]);
  const own = async (): Promise<CertificateRequest[]> => {
    if (!account) return [];
    return (await api.requests({ account: account.account })).items.filter(isCertificate);
  };
  const requests = useLoad(`certificate requests ${account?.account}`, own, ["block", "block_removed"]);
  const mine = (holding: Holding) => holding.account === account?.account;
  return (
    <>
      <Card title="By source" id="sources">
        <Load of={holdings}>{(page) => <Totals totals={page.totals} />}</Load>
      </Card>
      <Card title={account ? "Your certificates" : "Certificates of the community"} id="certificates">
        <p className="hint">
          What was delivered of a trade is certified to its buyer when corrections and challenges are over, if the
          seller’s connection point has a registered source.
        </p>
        <Load of={holdings}>
          {(page) => (
            <>
              <HoldingTable
                holdings={page.items}
                requests={requests.data ?? []}
                zone={zone}
                isOwn={mine}
                onUse={(holding, use) => setChosen({ holding, use, turn: (chosen?.turn ?? 0) + 1 })}
              />
              <Pager trail={trail} next={page.next} onMove={setTrail} />
            </>
          )}
        </Load>
      </Card>
      {account && chosen && (
        <Use
          key={chosen.turn}
          account={account}
          chosen={chosen}
          requests={requests.data ?? []}
          zone={zone}
          onSent={requests.reload}
          onClose={() => {
            setChosen(undefined);
            focusCard("certificates");
          }}
        />
      )}
      {account && <Requests of={requests} zone={zone} />}
      <Retirements account={account} zone={zone} />
    </>
  );
}
