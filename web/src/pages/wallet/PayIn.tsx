import * as api from "../../api";
import { useLoad } from "../../live";
import { spaced } from "../../payout";
import { Card, Facts, Hash, Load, Notice } from "../../ui";

/** Where to transfer money to, and what to write, so that it is credited here. Each of the `further`
 * currencies may have a bank account of its own. */
export function PayIn({ reference, further }: { reference: string | undefined; further: string[] }) {
  const load = async () => {
    const all = await Promise.all([undefined, ...further].map((currency) => api.bankAccount(currency)));
    return all.filter((account) => account !== null);
  };
  const bank = useLoad(`bank accounts ${further.join()}`, load);
  return (
    <Card title="Pay money in" id="pay-in">
      <Load of={bank}>
        {(accounts) =>
          accounts.length ? (
            <>
              <p className="hint">Transfer from your bank. The reference says that the money is yours.</p>
              {accounts.map((account) => (
                <Facts
                  key={account.iban}
                  items={[
                    ["To", account.holder],
                    ["IBAN", <span key="i">{spaced(account.iban)}</span>],
                    ["Currency", account.currency],
                    ["Reference", reference ? <Hash key="r" value={reference} full /> : "…"],
                  ]}
                />
              ))}
            </>
          ) : (
            <Notice tone="info">The community has not said yet where to pay to.</Notice>
          )
        }
      </Load>
    </Card>
  );
}
