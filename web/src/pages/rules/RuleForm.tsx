import { useEffect, useRef, useState } from "react";
import * as api from "../../api";
import { AmountField, Form, SelectField, SideField, TextField } from "../../fields";
import { CENT_SCALE, kwh, parseDecimal, price } from "../../format";
import { useLoad } from "../../live";
import { slotMax } from "../../mandate";
import {
  NEW_RULE, type RuleFields, type RuleProblems, clashes, fieldsOf, readRule, tariffCents,
} from "../../rule";
import { firstOpen } from "../../slots";
import type { Band, Rule, Side } from "../../types";
import { Card, Notice } from "../../ui";
import { Outcome, useWork } from "../../work";
import type { Situation } from "../Rules";

const USUAL =
  "Of the average at that time of day on the last seven days that are known. Where nothing is known yet, nothing is " +
  "ordered.";

/** Sets a rule: a new one, or another one in the place of `edited`. */
export function RuleForm(props: {
  of: Situation;
  edited: Rule | undefined;
  /** What became of the newest one. */
  said: string;
  onSaved: (rule: Rule) => Promise<void>;
}) {
  const { of, edited } = props;
  const { points, market, rules } = of;
  const [side, setSide] = useState<Side>(edited?.side ?? "buy");
  const [wanted, setPoint] = useState(edited?.connection_point ?? "");
  const [fields, setFields] = useState(() => (edited ? fieldsOf(edited, market.timezone) : NEW_RULE));
  const [tried, setTried] = useState(false);
  const { busy, outcome, run } = useWork();
  const limit = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (edited) limit.current?.focus();
  }, [edited]);
  const slot = firstOpen(market);
  const band = useLoad(`band ${slot}`, () => api.priceBand(slot));

  const point = points.find((one) => one.connection_point === wanted) ?? points[0]!;
  const id = point.connection_point;
  const before = rules.find((rule) => rule.connection_point === id && rule.side === side);
  const read = readRule(fields, { side, point, before }, market);
  const problems: RuleProblems = (tried && read.problems) || {};
  const set = (name: keyof RuleFields) => (value: string) => setFields((old) => ({ ...old, [name]: value }));
  const buys = side === "buy";

  const submit = () => {
    setTried(true);
    const { body } = read;
    if (!body) return;
    void run(async () => {
      await props.onSaved(await api.setRule(id, side, body, market.zone));
    });
  };

  return (
    <Card title={edited ? "Change a rule" : "Set a rule"} id="set-rule">
      <Form onSubmit={submit}>
        <div className="field-row pair">
          <SideField name="rule-type" value={side} onChange={setSide} />
          <SelectField label="Connection point" value={id} onChange={setPoint}>
            {points.map((one) => (
              <option key={one.connection_point}>{one.connection_point}</option>
            ))}
          </SelectField>
        </div>
        <AmountField
          label={buys ? "Never pay more than (ct/kWh)" : "Never sell below (ct/kWh)"}
          name="limit"
          focus={limit}
          placeholder={buys ? "25" : "8"}
          hint={<LimitHint side={side} text={fields.limit} band={band.data} />}
          error={problems.limit}
          value={fields.limit}
          onChange={set("limit")}
        />
        <fieldset className="choices">
          <legend>How much in each slot</legend>
          <label>
            <input
              type="radio"
              name="rule-quantity"
              checked={fields.kind === "likely"}
              onChange={() => set("kind")("likely")}
            />
            {buys ? "What we usually use" : "What we usually feed in"}
          </label>
          <label>
            <input
              type="radio"
              name="rule-quantity"
              checked={fields.kind === "fixed"}
              onChange={() => set("kind")("fixed")}
            />
            Always the same
          </label>
        </fieldset>
        {fields.kind === "likely" ? (
          <AmountField
            label="Part of it (%)"
            name="percent"
            hint={USUAL}
            error={problems.percent}
            value={fields.percent}
            onChange={set("percent")}
          />
        ) : (
          <AmountField
            label="Energy of a slot (kWh)"
            name="quantity"
            placeholder="0.25"
            hint={`The connection carries ${kwh(slotMax(point, side, market))} kWh in ${market.slot_minutes} minutes.`}
            error={problems.quantity}
            value={fields.quantity}
            onChange={set("quantity")}
          />
        )}
        <div className="field-row pair">
          <TextField
            label="From (optional)"
            hint="The first slot starts then or later."
            error={problems.from}
            value={fields.from}
            onChange={set("from")}
            type="datetime-local"
            step={market.slot_minutes * 60}
          />
          <TextField
            label="Until (optional)"
            hint="The last slot ends then or before."
            error={problems.until}
            value={fields.until}
            onChange={set("until")}
            type="datetime-local"
            step={market.slot_minutes * 60}
          />
        </div>
        {before && (
          <p className="hint">There is a rule to {side} at this connection point: this one takes its place.</p>
        )}
        {clashes(rules, { point: id, side }, market.now) && (
          <Notice tone="warn">
            Another connection point of yours has a rule to {side}. Only one of them gets an order in each slot.
          </Notice>
        )}
        <p className="hint">
          An order is placed in the hour before the gate of its slot, and judged as one by hand. You can cancel it like
          any other.
        </p>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "Setting…" : "Set the rule"}
        </button>
      </Form>
      <Outcome of={outcome ?? props.said} />
    </Card>
  );
}

/** What the limit is measured by, the same in the market's unit, and what the tariff says. */
function LimitHint({ side, text, band }: { side: Side; text: string; band: Band | undefined }) {
  const limit = parseDecimal(text, CENT_SCALE);
  const what = side === "buy" ? "All-in, with network and platform fees" : "What reaches you, after the platform fee";
  const tariff = band && tariffCents(side === "buy" ? band.retail_price : band.feed_in_price);
  const says = side === "buy" ? "Your retailer asks" : "Your retailer pays";
  return (
    <>
      {what}
      {limit !== null && limit > 0n && `: $${price(limit)} per kWh`}.
      {tariff && ` ${says} ${tariff} ct/kWh for the next slot.`}
    </>
  );
}
