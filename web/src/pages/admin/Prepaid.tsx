import { useState } from "react";
import * as api from "../../api";
import { inCurrency } from "../../exchange";
import { utc } from "../../format";
import { useLoad } from "../../live";
import { lastsText, prepaidState } from "../../prepaid";
import type { PrepaidAccount, SupplySuspension } from "../../types";
import { Badge, Card, Hash, Load, Table } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

/** Accounts that pay before they use: how they stand, who is protected, whose supply is to be suspended. */
export function PrepaidAccounts({ currency }: { currency: string }) {
  const { party, roles } = useUser();
  const mayDecide = roles.includes("operator") || roles.includes("utility");
  const accounts = useLoad("prepaid accounts", api.prepaidAccounts, ["block"]);
  const wanted = useLoad("supply suspensions", api.suspensionsOfSupply, ["block"]);
  const people = useLoad("people", api.parties);
  const [asked, setAsked] = useState<string>();
  const { busy, outcome, run } = useWork();
  const nameOf = (id: string) => people.data?.find((one) => one.account?.account === id)?.name ?? <Hash value={id} />;
  const partyName = (id: string) => people.data?.find((one) => one.party === id)?.name ?? <Hash value={id} />;
  const change = (work: () => Promise<unknown>, done: string) =>
    void run(async () => {
      await work();
      accounts.reload();
      wanted.reload();
      return done;
    });
  const ask = ({ account }: PrepaidAccount) => {
    const reason = prompt("Why? The household reads it, and from when on it can be.")?.trim();
    if (!reason) return;
    setAsked(account);
    change(() => api.askSuspension(account, reason), "Asked. The household is told; another person decides.");
  };
  return (
    <Card title="Accounts that pay before they use" id="prepaid-accounts">
      <p className="hint">
        Nothing is cut here: a suspension takes notice, two of the staff and a working hour, and is told to whom webhooks
        go. Protect an account where somebody depends on the supply.
      </p>
      <Outcome of={outcome} />
      <Load of={accounts}>
        {(all) => (
          <Table<PrepaidAccount>
            caption="Accounts that pay before they use"
            rows={all}
            rowKey={(one) => one.account}
            empty="No account has agreed to pay before it uses."
            columns={[
              { head: "Whose", cell: (one) => nameOf(one.account) },
              {
                head: "State",
                cell: (one) => {
                  const [text, tone] = prepaidState(one.state);
                  return (
                    <>
                      <Badge tone={tone}>{text}</Badge>
                      {one.protected && <Badge tone="info">Protected</Badge>}
                    </>
                  );
                },
              },
              { head: "Balance", numeric: true, cell: (one) => inCurrency(one.balance, currency) },
              { head: "Used in a day", numeric: true, cell: (one) => inCurrency(one.use_per_day, currency) },
              { head: "Lasts for", cell: (one) => lastsText(one.hours_left) },
              {
                head: "Actions",
                hideHead: true,
                cell: (one) =>
                  mayDecide && (
                    <span className="row-actions">
                      <button
                        type="button"
                        className="quiet small"
                        disabled={busy}
                        onClick={() => change(() => api.protectAccount(one.account, !one.protected), "It is in force.")}
                      >
                        {one.protected ? "Protect no more" : "Protect"}
                      </button>
                      {one.state === "emergency" && !one.protected && asked !== one.account && (
                        <button type="button" className="small" disabled={busy} onClick={() => ask(one)}>
                          Ask for suspension
                        </button>
                      )}
                    </span>
                  ),
              },
            ]}
          />
        )}
      </Load>
      <Load of={wanted}>
        {(all) =>
          all.length > 0 && (
            <>
              <h3 className="section">Suspensions that were asked for</h3>
              <Table<SupplySuspension>
                caption="Suspensions that were asked for, newest first"
                rows={all}
                rowKey={(one) => one.id}
                empty={null}
                columns={[
                  { head: "Whose", cell: (one) => nameOf(one.account) },
                  { head: "Why", cell: (one) => <span className="wrap">{one.reason}</span> },
                  { head: "Asked by", cell: (one) => partyName(one.asked_by) },
                  { head: "At the earliest", cell: (one) => utc(one.from) },
                  { head: "State", cell: (one) => one.state },
                  {
                    head: "Actions",
                    hideHead: true,
                    cell: (one) =>
                      one.state === "open" &&
                      mayDecide &&
                      (one.asked_by === party ? (
                        <span className="muted">another person decides</span>
                      ) : (
                        <span className="row-actions">
                          <button
                            type="button"
                            className="small"
                            disabled={busy}
                            onClick={() => {
                              if (!confirm("Agree that this supply may be suspended?")) return;
                              change(() => api.decideSuspension(one.id, "approval"), "Agreed.");
                            }}
                          >
                            Agree
                          </button>
                          <button
                            type="button"
                            className="quiet small"
                            disabled={busy}
                            onClick={() => change(() => api.decideSuspension(one.id, "refusal"), "Refused.")}
                          >
                            Refuse
                          </button>
                        </span>
                      )),
                  },
                ]}
              />
            </>
          )
        }
      </Load>
    </Card>
  );
}
