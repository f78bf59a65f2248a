import { useState } from "react";
import * as api from "../../api";
import { beneficiariesOf, sumOf } from "../../certificate";
import { clock, count, dateIn, utc } from "../../format";
import { useLoad } from "../../live";
import type { Account, Retirement } from "../../types";
import { Card, Facts, Hash, Load, Table } from "../../ui";
import { slotOf } from "./HoldingTable";

/** What was retired, for whom, with a statement that can be printed: on paper it is all there is. */
export function Retirements({ account, zone }: { account: Account | undefined; zone: string | undefined }) {
  const retired = useLoad("retirements", () => api.retirements(), ["block", "block_removed"]);
  const [wanted, setWanted] = useState("");
  return (
    <Card className="statement" title="Statement of retirements" id="retirements">
      <Load of={retired}>
        {(all) => {
          const names = beneficiariesOf(all);
          const chosen = names.includes(wanted) ? wanted : "";
          const shown = chosen ? all.filter((one) => one.beneficiary === chosen) : all;
          return (
            <>
              {all.length > 0 && (
                <div className="toolbar">
                  <label htmlFor="beneficiary">For whom</label>
                  <select id="beneficiary" value={chosen} onChange={(event) => setWanted(event.target.value)}>
                    <option value="">Everybody</option>
                    {names.map((name) => (
                      <option key={name}>{name}</option>
                    ))}
                  </select>
                  <button type="button" className="quiet" onClick={() => window.print()}>
                    Print the statement
                  </button>
                </div>
              )}
              {shown.length > 0 && <Head account={account} chosen={chosen} retirements={shown} />}
              <Rows retirements={shown} zone={zone} />
            </>
          );
        }}
      </Load>
    </Card>
  );
}

function Head(props: { account: Account | undefined; chosen: string; retirements: Retirement[] }) {
  const { account, chosen, retirements } = props;
  const by: [string, string][] = account ? [["Retired by", `${account.pseudonym}, ${account.address}`]] : [];
  return (
    <Facts
      items={[...by, ["For", chosen || "everybody named below"], ["In all", `${count(sumOf(retirements))} Wh`]]}
    />
  );
}

function Rows({ retirements, zone }: { retirements: Retirement[]; zone: string | undefined }) {
  return (
    <Table
      caption="Retirements, newest first"
      rows={retirements}
      rowKey={(one) => `${one.transaction} ${one.certificate} ${one.wh} ${one.beneficiary}`}
      empty="Nothing was retired yet. What somebody retires for a beneficiary is stated here."
      columns={[
        {
          head: "Retired",
          cell: (one) => (
            <time dateTime={one.at} title={utc(one.at)}>
              {dateIn(one.at, zone)}, {clock(one.at, zone)}
            </time>
          ),
        },
        { head: "For", cell: (one) => <span className="wrap">{one.beneficiary}</span> },
        { head: "Energy (Wh)", numeric: true, cell: (one) => count(one.wh) },
        { head: "Source", cell: (one) => <span title={one.source}>{one.source_name}</span> },
        { head: "Delivered", cell: (one) => slotOf(one, zone) },
        { head: "Device", cell: (one) => <Full value={one.device} /> },
        {
          head: "Proof",
          cell: (one) => <Full value={one.transaction} href={`/explorer/tx/${one.transaction}`} />,
        },
      ]}
    />
  );
}

/** Short on the screen, where it can be copied; in full on paper. */
function Full(props: { value: string; href?: string }) {
  return (
    <>
      <Hash {...props} />
      <code className="on-paper">{props.value}</code>
    </>
  );
}
