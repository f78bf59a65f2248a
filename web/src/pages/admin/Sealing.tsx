import { useState } from "react";
import * as api from "../../api";
import { AmountField, Form, SelectField, TextField } from "../../fields";
import { atWallTime, moment, wallTime } from "../../format";
import { useLoad } from "../../live";
import { firstUnopened, timestamp } from "../../slots";
import type { Market, Sealing as State } from "../../types";
import { Card, Load, Table } from "../../ui";
import { Outcome, useWork } from "../../work";

/** Whether orders are sealed until the gate, from which slot on. */
export function Sealing({ mayChoose }: { mayChoose: boolean }) {
  const market = useLoad("market", () => api.market(), ["block", "slot_cleared"]);
  const sealing = useLoad("sealing", api.sealing);
  return (
    <Card title="Sealed orders" id="sealing">
      <p className="hint">
        Until the gate a sealed order is a commitment that nobody can read; after it, for the seconds chosen here, what
        it stands for is opened, and only that is cleared. What people leave with the market is opened by itself: until
        then whoever runs the market can read it, and no member. Only call auctions can be sealed.
      </p>
      <Load of={market}>
        {(settings) => (
          <Load of={sealing}>
            {(state) => (
              <>
                <Choices state={state} market={settings} />
                {mayChoose && <ChoiceForm market={settings} onAnswer={sealing.reload} />}
              </>
            )}
          </Load>
        )}
      </Load>
    </Card>
  );
}

function Choices({ state, market }: { state: State; market: Market }) {
  return (
    <Table
      caption="What was chosen, by its first slot"
      rows={state.choices}
      rowKey={(choice) => choice.from}
      empty="Orders are open for all to see."
      columns={[
        { head: "From", cell: (choice) => moment(choice.from, market.timezone) },
        {
          head: "Orders",
          cell: ({ reveal_seconds }) =>
            reveal_seconds ? `Sealed, opened within ${reveal_seconds} seconds after the gate` : "Open",
        },
      ]}
    />
  );
}

function ChoiceForm({ market, onAnswer }: { market: Market; onAnswer: () => void }) {
  const [fromText, setFrom] = useState<string>();
  const [sealed, setSealed] = useState("sealed");
  const [seconds, setSeconds] = useState("120");
  const { busy, outcome, run } = useWork<State>();
  const zone = market.timezone;
  const shownFrom = fromText ?? wallTime(firstUnopened(market), zone);
  const from = atWallTime(shownFrom, zone);
  const wrong = sealed === "sealed" && !/^[0-9]{2,3}$/.test(seconds);
  const submit = async () => {
    if (!from || wrong) return;
    const reveal = sealed === "sealed" ? Number(seconds) : undefined;
    await run(() => api.chooseSealing(timestamp(from), reveal, market.zone));
    onAnswer();
  };
  return (
    <>
      <Form wide onSubmit={submit}>
        <TextField
          label="First slot"
          error={from ? undefined : "Enter a day and a time that the clocks show on it."}
          type="datetime-local"
          required
          step={market.slot_minutes * 60}
          value={shownFrom}
          onChange={setFrom}
        />
        <SelectField label="Orders" value={sealed} onChange={setSealed}>
          <option value="sealed">Sealed until the gate</option>
          <option value="open">Open for all to see</option>
        </SelectField>
        {sealed === "sealed" && (
          <AmountField
            label="Seconds to open"
            error={wrong ? "Enter 30 to 600." : undefined}
            required
            value={seconds}
            onChange={setSeconds}
          />
        )}
        <button type="submit" className="primary" disabled={busy}>
          Choose
        </button>
      </Form>
      <Outcome of={outcome}>{() => <>It holds from that slot on.</>}</Outcome>
    </>
  );
}
