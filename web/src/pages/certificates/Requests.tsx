import type { CertificateRequest } from "../../certificate";
import type { Loaded } from "../../live";
import { REQUEST_STATES, requestText } from "../../request";
import { Card, Load, Standing, Table, When } from "../../ui";

/** What an account asked of its certificates, and what became of it. */
export function Requests({ of, zone }: { of: Loaded<CertificateRequest[]>; zone: string | undefined }) {
  return (
    <Card title="Given and retired" id="certificate-requests">
      <Load of={of}>
        {(items) => (
          <Table
            caption="What you signed about certificates, newest first"
            rows={items}
            rowKey={(request) => request.id}
            empty="You have given and retired nothing yet. Choose “Give” or “Retire” beside a certificate."
            columns={[
              { head: "When", cell: ({ at }) => <When at={at} zone={zone} /> },
              { head: "What", cell: ({ terms }) => <span className="wrap">{requestText(terms)}</span> },
              { head: "State", cell: ({ state, reason }) => <Standing of={REQUEST_STATES[state]} reason={reason} /> },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}
