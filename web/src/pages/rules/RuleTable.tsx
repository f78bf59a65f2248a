import * as api from "../../api";
import { moment } from "../../format";
import { type Waiting, limitOf, quantityWords, stateOf } from "../../rule";
import type { Mandate, Rule } from "../../types";
import { Badge, Card, Hash, Notice, Table, focusCard } from "../../ui";
import { Outcome, useWork } from "../../work";
import { words } from "../Market";
import type { Situation } from "../Rules";

/** The rules of an account, and how each stands. */
export function RuleTable(props: {
  of: Situation;
  mandate: Mandate | undefined;
  waiting: Waiting;
  onEdit: (rule: Rule) => void;
  onChange: () => void;
}) {
  const { rules, points, market } = props.of;
  const { busy, outcome, run } = useWork();
  const end = async (rule: Rule) => {
    if (!confirm(`End this rule to ${rule.side}? Orders that it has placed stay.`)) return;
    const ended = await run(async () => {
      await api.endRule(rule.connection_point, rule.side, market.zone);
    });
    if (ended) focusCard("rules");
    props.onChange();
  };
  const nameOf = (rule: Rule) => `the rule to ${rule.side} at ${rule.connection_point}`;
  return (
    <Card title="Your rules" id="rules">
      <Outcome of={outcome} />
      <Table
        caption="Your rules, by connection point"
        rows={rules}
        rowKey={(rule) => `${rule.connection_point} ${rule.side}`}
        empty="Nothing is bought or sold by itself yet. Set a rule below."
        columns={[
          {
            head: "Type",
            cell: (rule) => <Badge tone={rule.side === "buy" ? "info" : "warn"}>{words(rule.side)}</Badge>,
          },
          { head: "Limit", numeric: true, cell: limitOf },
          { head: "How much", cell: quantityWords },
          { head: "When", cell: (rule) => <When rule={rule} zone={market.timezone} /> },
          { head: "Connection point", cell: (rule) => <Hash value={rule.connection_point} /> },
          {
            head: "State",
            cell: (rule) => {
              const state = stateOf(rule, props.mandate, props.waiting, points, market);
              return <State rule={rule} state={state} />;
            },
          },
          {
            head: "Actions",
            hideHead: true,
            cell: (rule) => (
              <span className="row-actions">
                <button type="button" className="small" disabled={busy} onClick={() => props.onEdit(rule)}>
                  Change<span className="sr-only"> {nameOf(rule)}</span>
                </button>
                <button type="button" className="quiet small danger" disabled={busy} onClick={() => end(rule)}>
                  End<span className="sr-only"> {nameOf(rule)}</span>
                </button>
              </span>
            ),
          },
        ]}
      />
      {rules.map((rule) => (
        <Refused key={`${rule.connection_point} ${rule.side}`} rule={rule} zone={market.timezone} />
      ))}
    </Card>
  );
}

function When({ rule: { from, until }, zone }: { rule: Rule; zone: string }) {
  if (!from && !until) return <>Always</>;
  return (
    <>
      {from && `from ${moment(from, zone)}`}
      {from && until && <br />}
      {until && `until ${moment(until, zone)}`}
    </>
  );
}

function State({ rule: { refused }, state: [tone, text] }: { rule: Rule; state: ReturnType<typeof stateOf> }) {
  return (
    <>
      <Badge tone={tone}>{text}</Badge>
      {refused && <Badge tone="bad">{refused.code}</Badge>}
    </>
  );
}

/** Why the newest order of a rule was refused. */
function Refused({ rule: { side, refused }, zone }: { rule: Rule; zone: string }) {
  if (!refused) return null;
  return (
    <Notice tone="warn">
      {refused.code}: the order to {side} for {moment(refused.slot, zone)} was refused, because {refused.title}.
    </Notice>
  );
}
