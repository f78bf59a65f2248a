import { useState } from "react";
import * as api from "../../api";
import { cents, moment } from "../../format";
import { untilEndOf, usualDay, usualEnd, wishOf } from "../../grant";
import { useLoad } from "../../live";
import type { Waiting } from "../../rule";
import { isGranted, needOfMember, shareWords, standing, stateOfMember } from "../../sharing";
import { SigningFlow, prepareRequest, useSigning } from "../../signing";
import type { ConnectionPoint, Mandate, Memberships, PreparedRequest } from "../../types";
import { Badge, Card, Hash, Load, Notice, Table } from "../../ui";
import { Outcome, useWork } from "../../work";
import type { Situation } from "../Rules";
import { MandateReview } from "./Grant";

interface SharingProps {
  of: Situation;
  mandate: Mandate | undefined;
  waiting: Waiting;
  onChange: () => void;
}

/** Sharing in what the community generates, where it shares it out after each slot. */
export function Sharing(props: SharingProps) {
  const { zone } = props.of.market;
  const about = useLoad(`memberships ${zone}`, () => api.memberships(zone), ["block", "slot_cleared"]);
  return (
    <Load of={about}>
      {(all) =>
        all.shared || standing(all, props.of.account.account, props.of.market.now) ? (
          <Members about={all} {...props} onChange={() => [about.reload(), props.onChange()]} />
        ) : null
      }
    </Load>
  );
}

function Members({ of, about, mandate, waiting, onChange }: SharingProps & { about: Memberships }) {
  const { account, market, points } = of;
  const [busyAt, setBusyAt] = useState("");
  const { outcome, run } = useWork();
  const signing = useSigning<PreparedRequest>(onChange);
  const member = standing(about, account.account, market.now);

  const sign = (point: ConnectionPoint) => {
    const need = needOfMember(about, point, mandate, market);
    if (!need) return;
    const limits = { perDay: usualDay(need, mandate, market), until: untilEndOf(usualEnd(market), market) };
    const wish = wishOf(need, { delegate: about.delegate, policy: about.policy }, limits);
    void signing.prepare(() => prepareRequest(account, wish));
  };
  const change = async (point: ConnectionPoint, joins: boolean) => {
    setBusyAt(point.connection_point);
    const changed = await run(async () => {
      await (joins ? api.join(point.connection_point, market.zone) : api.leave(point.connection_point, market.zone));
    });
    setBusyAt("");
    onChange();
    if (changed && joins && !waiting && !isGranted(about, point, mandate, market)) sign(point);
  };
  return (
    <Card title="Share in what your community generates" id="sharing">
      <p>
        Nobody orders here: what members feed in is shared out after each slot among those who took energy
        {about.buy_limit !== undefined && about.sell_limit !== undefined && (
          <>
            . You pay {cents(BigInt(about.buy_limit))} ct/kWh all-in, and get {cents(BigInt(about.sell_limit))} ct/kWh
            for what you feed in
          </>
        )}
        . You sign once, within limits, and can leave before any slot.
      </p>
      <SigningFlow
        of={signing}
        review={(prepared) => (
          <MandateReview
            prepared={prepared}
            who="Your community"
            market={market}
            onDone={() => signing.done("")}
            onBack={signing.back}
          />
        )}
      >
        <Outcome of={outcome} />
        <Table
          caption="Your connection points"
          rows={points}
          rowKey={(point) => point.connection_point}
          empty="You have no connection point here."
          columns={[
            { head: "Connection point", cell: (point) => <Hash value={point.connection_point} /> },
            {
              head: "Since",
              cell: (point) => (isOf(point) && member ? moment(member.from, market.timezone) : "–"),
            },
            {
              head: "Share",
              numeric: true,
              cell: (point) =>
                isOf(point) && member?.share_bps !== undefined ? shareWords(member.share_bps) : "–",
            },
            { head: "State", cell: (point) => <State {...{ point, isOf, member, about, mandate, waiting, market }} /> },
            {
              head: "Actions",
              hideHead: true,
              cell: (point) => (
                <span className="row-actions">
                  {isOf(point) && !waiting && !isGranted(about, point, mandate, market) && (
                    <button type="button" className="primary small" onClick={() => sign(point)}>
                      Sign
                    </button>
                  )}
                  {(isOf(point) || !member) && (
                    <button
                      type="button"
                      className="small"
                      disabled={busyAt !== ""}
                      onClick={() => change(point, !isOf(point))}
                    >
                      {isOf(point) ? "Leave" : "Join"}
                      <span className="sr-only"> with {point.connection_point}</span>
                    </button>
                  )}
                </span>
              ),
            },
          ]}
        />
      </SigningFlow>
      {member?.refused && (
        <Notice tone="warn">
          {member.refused.code}: you got nothing of {moment(member.refused.slot, market.timezone)}, because{" "}
          {member.refused.title}.
        </Notice>
      )}
    </Card>
  );

  function isOf(point: ConnectionPoint): boolean {
    return member?.connection_point === point.connection_point;
  }
}

function State(props: {
  point: ConnectionPoint;
  isOf: (point: ConnectionPoint) => boolean;
  member: ReturnType<typeof standing>;
  about: Memberships;
  mandate: Mandate | undefined;
  waiting: Waiting;
  market: Situation["market"];
}) {
  const { point, member, market } = props;
  if (!member || !props.isOf(point)) return <Badge tone="quiet">Not a member</Badge>;
  const granted = isGranted(props.about, point, props.mandate, market);
  const [tone, text] = stateOfMember(member, granted, props.waiting, market.now);
  return <Badge tone={tone}>{text}</Badge>;
}
