import * as api from "../api";
import { MONEY_SCALE, count, money, readDecimal, utc } from "../format";
import { useLoad } from "../live";
import type { Audit as AuditView } from "../types";
import { Address, Badge, Card, Facts, Hash, Load, Notice, Page, Stat, Stats, Table, Tabs } from "../ui";
import { isStaff, useUser } from "../user";
import { words } from "./Market";
import { Approvals } from "./admin/Approvals";
import { Certificates } from "./admin/Certificates";
import { Dealer } from "./admin/Dealer";
import { Disputes } from "./admin/Disputes";
import { Issuer } from "./admin/Issuer";
import { Meters } from "./admin/Meters";
import { Mechanisms } from "./admin/Mechanisms";
import { Relays } from "./admin/Relays";
import { Payouts } from "./admin/Payouts";
import { Receivables } from "./admin/Receivables";
import { Reports } from "./admin/Reports";
import { Shadow } from "./admin/Shadow";
import { Surveillance } from "./admin/Surveillance";
import { Tariffs } from "./admin/Tariffs";
import { Unmatched } from "./admin/Unmatched";
import { Webhooks } from "./admin/Webhooks";

export function Admin({ path }: { path: string }) {
  const user = useUser();
  const section = path.split(/[/?]/)[2] ?? "";
  const tabs = [
    ["", "People"],
    ["meters", "Meters"],
    ["quarantine", "Quarantine"],
    ["mechanism", "Trading"],
    ["surveillance", "Surveillance"],
    ["tariffs", "Tariffs"],
    ["payments", "Payments"],
    ["payouts", "Payouts"],
    ["dealer", "Dealer"],
    ["receivables", "Receivables"],
    ["disputes", "Disputes"],
    ["certificates", "Certificates"],
    ["documents", "Documents"],
    ["reports", "Reports"],
    ["comparison", "Comparison"],
    ["approvals", "Approvals"],
    ["webhooks", "Webhooks"],
    ["relay", "Transactions"],
    ["audit", "Audit"],
  ] as const;
  if (!isStaff(user)) {
    return (
      <Page name="admin" title="Admin">
        <Notice tone="warn">These pages are for the people who run the community.</Notice>
      </Page>
    );
  }
  return (
    <Page name="admin" title="Admin" lead="Who takes part, with which meters, and whether the books are right.">
      <Tabs
        label="Admin"
        items={tabs.map(([name, text]) => ({
          href: name ? `/admin/${name}` : "/admin",
          text,
          on: section === name,
        }))}
      />
      {section === "" && <People />}
      {section === "meters" && <Meters id={path.split(/[/?]/)[3]} />}
      {section === "quarantine" && <Quarantine />}
      {section === "mechanism" && <Mechanisms />}
      {section === "surveillance" && <Surveillance />}
      {section === "tariffs" && <Tariffs />}
      {section === "payments" && <Unmatched />}
      {section === "payouts" && <Payouts />}
      {section === "dealer" && <Dealer />}
      {section === "receivables" && <Receivables />}
      {section === "disputes" && <Disputes />}
      {section === "certificates" && <Certificates />}
      {section === "documents" && <Issuer />}
      {section === "reports" && <Reports />}
      {section === "comparison" && <Shadow />}
      {section === "approvals" && <Approvals />}
      {section === "webhooks" && <Webhooks />}
      {section === "relay" && <Relays />}
      {section === "audit" && <Audit />}
    </Page>
  );
}

function People() {
  const people = useLoad("people", api.parties);
  return (
    <Card title="People" id="people">
      <Load of={people}>
        {(list) => (
          <Table
            caption="Who takes part"
            rows={list}
            rowKey={(party) => party.party}
            empty="Nobody has signed up yet. Members do so at /signup."
            columns={[
              { head: "Name", cell: (party) => <b>{party.name}</b> },
              { head: "Email", cell: (party) => party.email },
              {
                head: "Roles",
                cell: (party) => party.roles.map((role) => <Badge key={role}>{words(role)}</Badge>),
              },
              { head: "Pseudonym", cell: (party) => party.account?.pseudonym ?? "–" },
              {
                head: "Address",
                cell: (party) =>
                  party.account ? (
                    <Address value={party.account.address} />
                  ) : (
                    "–"
                  ),
              },
              {
                head: "Key",
                cell: (party) =>
                  party.account && (
                    <Badge tone={party.account.custody === "own" ? "good" : "quiet"}>
                      {party.account.custody === "own" ? "Own" : "Held"}
                    </Badge>
                  ),
              },
              { head: "Since", cell: (party) => party.since.slice(0, 10) },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}

function Quarantine() {
  const quarantine = useLoad("quarantine", api.quarantine, ["readings_stored"]);
  return (
    <Card title="Quarantine" id="quarantine">
      <p className="hint">Messages that were not believed. They are kept, and count for nothing.</p>
      <Load of={quarantine}>
        {(page) => (
          <Table
            caption="Messages that were not believed, newest first"
            rows={page.items}
            rowKey={(row) => `${row.meter} ${row.code} ${row.first_at} ${row.message}`}
            empty="Every message was believed."
            columns={[
              { head: "Last", cell: (row) => utc(row.last_at) },
              { head: "Meter", cell: (row) => <Hash value={row.meter} /> },
              { head: "Reason", cell: (row) => <Badge tone="bad">{row.code}</Badge> },
              { head: "Bytes", numeric: true, cell: (row) => count(row.bytes) },
              { head: "Came", numeric: true, cell: (row) => `${count(row.repeats)}×` },
              {
                head: "Message",
                cell: (row) => (
                  <details>
                    <summary>Show</summary>
                    <code className="compared">{row.message}</code>
                  </details>
                ),
              },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}

function Audit() {
  const audit = useLoad("audit", api.audit, ["block"]);
  const log = useLoad("audit-log", () => api.auditLog());
  return (
    <>
      <Card title="Money" id="money">
        <Load of={audit}>{(data) => <Books audit={data} />}</Load>
      </Card>
      <Card title="What staff did" id="audit-log">
        <Load of={log}>
          {(page) => (
            <Table
              caption="The audit log, chained by hashes"
              rows={page.items}
              rowKey={(entry) => String(entry.place)}
              empty="Nothing was done yet. What staff decide is listed here, and stays."
              columns={[
                { head: "Place", numeric: true, cell: (entry) => count(entry.place) },
                { head: "When", cell: (entry) => utc(entry.at) },
                { head: "Who", cell: (entry) => <Hash value={entry.by} /> },
                { head: "Action", cell: (entry) => words(entry.action) },
                { head: "About", cell: (entry) => <Hash value={entry.about} /> },
                {
                  head: "Outcome",
                  cell: (entry) => (
                    <Badge tone={entry.outcome === "done" ? "good" : "bad"}>{words(entry.outcome)}</Badge>
                  ),
                },
                { head: "Hash", cell: (entry) => <Hash value={entry.hash} /> },
              ]}
            />
          )}
        </Load>
      </Card>
    </>
  );
}

/** The chart of accounts. */
const ACCOUNTS: Record<string, string> = {
  "1000": "Bank: money outside, held for everybody in here",
  "1200": "Receivable: bills that are not paid yet",
  "2000": "Wallets: free money",
  "2005": "Locked: proceeds inside the challenge window",
  "2010": "Escrow: of buyers, for trades",
  "2020": "Collateral: of sellers, for trades",
  "2040": "Tokens outside of the market",
  "2050": "Payouts: redeemed, to be paid by the bank",
  "2100": "Network fees owed to the grid",
  "2120": "Owed to the retailer: the rest of the energy",
  "2150": "Rounding of invoice lines",
  "4000": "Platform fees",
  "9000": "Suspense: what nobody can explain",
};

function Books({ audit }: { audit: AuditView }) {
  const suspense = readDecimal(audit.suspense, MONEY_SCALE);
  const balances = Object.entries(audit.balances);
  const sum = balances.reduce((total, [, amount]) => total + readDecimal(amount, MONEY_SCALE), 0n);
  const right = audit.violations.length === 0;
  return (
    <>
      <Stats>
        <Stat
          label="Invariants of the journal"
          value={
            <Badge tone={right ? "good" : "bad"}>
              {right ? "✓ All hold" : `✗ ${count(audit.violations.length)} broken`}
            </Badge>
          }
        />
        <Stat
          label="Suspense"
          value={<Badge tone={suspense === 0n ? "good" : "bad"}>${money(suspense, 9)}</Badge>}
        />
        <Stat label="Entries" value={count(audit.entries)} />
        <Stat label="Trades" value={count(audit.trades)} note={`${count(audit.trades_open)} not reconciled yet`} />
        <Stat label="Transactions under way" value={count(audit.transactions_pending)} />
      </Stats>
      {!right && (
        <Notice tone="bad">
          <ul>
            {audit.violations.map((violation) => (
              <li key={violation}>{violation}</li>
            ))}
          </ul>
        </Notice>
      )}
      <Table
        caption="Balances of the journal: debits less credits"
        showCaption
        rows={[...balances, ["sum", ""] as [string, string]]}
        rowKey={([code]) => code}
        rowClass={([code]) => (code === "sum" ? "sum" : undefined)}
        empty="No money has moved yet. The first payment that is credited begins the books."
        columns={[
          { head: "No", cell: ([code]) => (code === "sum" ? "Sum" : code) },
          { head: "Account", cell: ([code]) => (code === "sum" ? "It must be zero" : (ACCOUNTS[code] ?? "")) },
          {
            head: "Balance ($)",
            numeric: true,
            cell: ([code, amount]) => money(code === "sum" ? sum : amount, 9),
          },
        ]}
      />
      <Facts items={[["Head of the journal", <Hash key="h" value={audit.head} full />]]} />
    </>
  );
}
