import type { CertificateRequest } from "../../certificate";
import { moment, utc } from "../../format";
import type { Loaded } from "../../live";
import { REQUEST_STATES, requestText } from "../../request";
import { Badge, Card, Load, Table } from "../../ui";

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
            empty="You have given and retired nothing yet."
            columns={[
              {
                head: "When",
                cell: ({ at }) => (
                  <time dateTime={at} title={utc(at)}>
                    {moment(at, zone)}
                  </time>
                ),
              },
              { head: "What", cell: ({ terms }) => <span className="wrap">{requestText(terms)}</span> },
              {
                head: "State",
                cell: ({ state, reason }) => {
                  const [text, tone] = REQUEST_STATES[state];
                  return (
                    <>
                      <Badge tone={tone}>{text}</Badge>
                      {reason && <span className="muted"> {reason}</span>}
                    </>
                  );
                },
              },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}
