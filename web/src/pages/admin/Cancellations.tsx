import { useState } from "react";
import * as api from "../../api";
import { REASON_MAX, cancellationState, reasonError } from "../../correction";
import { Form, TextAreaField } from "../../fields";
import { utc } from "../../format";
import { useLoad } from "../../live";
import type { Cancellation, Dispute, Party } from "../../types";
import { Card, Hash, Load, Pager, Standing, Table, focusCard } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

/** Bills that one of the staff wants taken back and issued anew, and another one decides about. */
export function Cancellations({ people }: { people: Party[] | undefined }) {
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const wanted = useLoad(`cancellations ${cursor ?? ""}`, () => api.cancellations(cursor));
  const { busy, outcome, run } = useWork();
  const { party } = useUser();
  const nameOf = (id: string) => people?.find((one) => one.party === id)?.name ?? <Hash value={id} />;
  const decide = async (one: Cancellation, how: typeof api.approveCancellation, question: string) => {
    if (!confirm(question)) return;
    const decided = await run(async () => {
      await how(one.id);
    });
    if (decided) focusCard("cancellations");
    wanted.reload();
  };
  return (
    <Card title="Bills to be taken back" id="cancellations">
      <p className="hint">
        A bill with a wrong tariff or wrong data of the customer is taken back as a whole and issued anew: two documents,
        once another person than the one who asked consents. Publish the right tariff first.
      </p>
      <Outcome of={outcome} />
      <Load of={wanted}>
        {(page) => (
          <>
            <Table<Cancellation>
              caption="Bills to be taken back, newest first"
              rows={page.items}
              rowKey={(one) => one.id}
              empty="Nobody wants a bill taken back."
              columns={[
                { head: "Bill", cell: (one) => <Hash value={one.invoice} /> },
                { head: "Why", cell: (one) => <span className="wrap">{one.reason}</span> },
                { head: "Asked by", cell: (one) => nameOf(one.asked_by) },
                { head: "When", cell: (one) => utc(one.at) },
                { head: "State", cell: (one) => <Standing of={cancellationState(one)} /> },
                { head: "Decided by", cell: (one) => (one.decided_by ? nameOf(one.decided_by) : "–") },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (one) =>
                    one.state === "open" &&
                    (one.asked_by === party ? (
                      <span className="muted">another person decides</span>
                    ) : (
                      <span className="row-actions">
                        <button
                          type="button"
                          className="small"
                          disabled={busy}
                          onClick={() => void decide(one, api.approveCancellation, "Take the bill back and issue it anew?")}
                        >
                          Take it back
                        </button>
                        <button
                          type="button"
                          className="quiet small"
                          disabled={busy}
                          onClick={() => void decide(one, api.refuseCancellation, "Leave the bill as it is?")}
                        >
                          Leave it
                        </button>
                      </span>
                    )),
                },
              ]}
            />
            <Pager trail={trail} next={page.next} onMove={setTrail} />
          </>
        )}
      </Load>
    </Card>
  );
}

/** Asks for the bill of an upheld dispute to be taken back. */
export function AskCancellation({ dispute }: { dispute: Dispute }) {
  const [reason, setReason] = useState("");
  const { busy, outcome, run } = useWork();
  const error = reason ? reasonError(reason) : undefined;
  const ask = () =>
    void run(async () => {
      await api.askCancellation(dispute.invoice, { reason: reason.trim(), dispute: dispute.id });
      setReason("");
      return "Asked. Another person decides, below the disputes.";
    });
  return (
    <Form onSubmit={ask}>
      <TextAreaField
        label="Take the bill back and issue it anew: why"
        error={error}
        value={reason}
        onChange={setReason}
        maxLength={REASON_MAX}
      />
      <Outcome of={outcome} />
      <button disabled={busy || reasonError(reason) !== undefined}>Ask for it</button>
    </Form>
  );
}
