import * as api from "../../api";
import { type Unit, namedIn } from "../../currency";
import { useLoad } from "../../live";
import { spaced } from "../../payout";
import { Card, Facts, Hash, Load, Notice } from "../../ui";

/** Where to transfer money of a currency to, and what to write, so that it is credited here. */
export function PayIn({ unit, reference }: { unit: Unit; reference: string | undefined }) {
  const bank = useLoad(`bank account ${unit.code}`, () => api.bankAccount(namedIn(unit).currency));
  return (
    <Card title="Pay money in" id="pay-in">
      <Load of={bank}>
        {(account) =>
          account ? (
            <>
              <p className="hint">Transfer from your bank. The reference says that the money is yours.</p>
              <Facts
                items={[
                  ["To", account.holder],
                  ["IBAN", <span key="i">{spaced(account.iban)}</span>],
                  ["Currency", account.currency],
                  ["Reference", reference ? <Hash key="r" value={reference} full /> : "…"],
                ]}
              />
            </>
          ) : (
            <Notice tone="info">The community has not said yet where to pay to.</Notice>
          )
        }
      </Load>
    </Card>
  );
}
