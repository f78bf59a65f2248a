import { useState } from "react";
import * as api from "../../api";
import { AmountField, Form, SelectField, TextField } from "../../fields";
import { atWallTime, moment, utc, wallTime } from "../../format";
import { type Loaded, useLoad } from "../../live";
import { MECHANISMS, NAMES, aboutOf, holding, promises, readK, readPrice, titleOf, written } from "../../mechanism";
import { firstUnopened, timestamp } from "../../slots";
import type { Market, MechanismChoice, MechanismName } from "../../types";
import { Badge, Card, Facts, Hash, Load, Table } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { Risk } from "./Risk";
import { Sealing } from "./Sealing";
import { Stop } from "./Stop";
import { ZoneSelect } from "./ZoneSelect";

/** How slots are cleared: what holds, what was chosen from which slot on, and choosing. */
export function Mechanisms() {
  const { roles } = useUser();
  const mayChoose = roles.includes("operator") || roles.includes("admin");
  const market = useLoad("market", () => api.market(), ["block", "slot_cleared"]);
  const choices = useLoad("mechanisms", api.mechanisms);
  return (
    <>
      <Stop choices={choices} mayStop={mayChoose} />
      <Risk mayDecide={mayChoose} />
      <Card title="How slots are cleared" id="mechanisms">
        <p className="hint">
          Each choice holds until the slot of the next one. Who has placed an order knows the mechanism, so it can
          change only for slots whose book is not open yet.
        </p>
        <Load of={market}>
          {(settings) => <Load of={choices}>{(list) => <Choices choices={list} market={settings} />}</Load>}
        </Load>
        <Meanings />
      </Card>
      {mayChoose && <Choose choices={choices} />}
      <Sealing mayChoose={mayChoose} />
    </>
  );
}

function Choices({ choices, market }: { choices: MechanismChoice[]; market: Market }) {
  return (
    <Table
      caption="What holds by default, then what was chosen, by its first slot"
      rows={choices}
      rowKey={(choice) => `${choice.zone} ${choice.from ?? ""}`}
      empty="No market runs here."
      columns={[
        { head: "Zone", cell: (choice) => <Hash value={choice.zone} /> },
        { head: "From", cell: (choice) => <From choice={choice} choices={choices} market={market} /> },
        {
          head: "Name",
          cell: ({ mechanism }) => (
            <>
              <b>{titleOf(mechanism)}</b>
              {aboutOf(mechanism.name) && (
                <>
                  <br />
                  <code>{mechanism.name}</code>
                </>
              )}
            </>
          ),
        },
        { head: "Number", numeric: true, cell: (choice) => choice.number },
        {
          head: "Properties",
          cell: ({ properties }) => (
            <ul className="badges">
              {promises(properties).map(([text, tone]) => (
                <li key={text}>
                  <Badge tone={tone}>{text}</Badge>
                </li>
              ))}
            </ul>
          ),
        },
      ]}
    />
  );
}

function From({ choice, choices, market }: { choice: MechanismChoice; choices: MechanismChoice[]; market: Market }) {
  const { from, zone } = choice;
  const comes = from !== undefined && Date.parse(from) > Date.parse(market.now);
  return (
    <>
      {from === undefined ? "By default" : <time dateTime={from}>{moment(from, market.timezone)}</time>}{" "}
      {holding(choices, zone, market.now) === choice && <Badge tone="good">Holds now</Badge>}
      {comes && <Badge tone="info">To come</Badge>}
    </>
  );
}

/** What the words of the table mean, and what each mechanism does. */
function Meanings() {
  return (
    <>
      <details className="meanings">
        <summary>What the properties mean</summary>
        <Facts
          items={[
            ["One price", "All trades of a slot have the same."],
            ["Two prices", "Each trade says what its buyer pays and what its seller gets; other trades have others."],
            ["What buyers pay is what sellers get", "Where not, buyers pay more, and the policy says who gets the rest."],
            ["Efficient", "No other trades of the same orders are worth more to buyers and sellers together."],
            ["Truthful", "Who has one order gains nothing by naming another limit than the true one."],
            ["Order does not matter", "It changes nothing who placed an order first."],
          ]}
        />
      </details>
      <details className="meanings">
        <summary>What each mechanism does</summary>
        <Facts items={NAMES.map((name) => [MECHANISMS[name].title, MECHANISMS[name].does])} />
      </details>
    </>
  );
}

function Choose({ choices }: { choices: Loaded<MechanismChoice[]> }) {
  const zones = [...new Set(choices.data?.map((choice) => choice.zone))];
  const [wanted, setWanted] = useState("");
  const zone = zones.includes(wanted) ? wanted : undefined;
  const market = useLoad(`market ${zone ?? ""}`, () => api.market(zone), ["block", "slot_cleared"]);
  return (
    <Card title="Choose a mechanism" id="choose-mechanism">
      <ZoneSelect id="mechanism-zone" zones={zones} zone={zone ?? market.data?.zone} onChange={setWanted} />
      <Load of={market}>
        {(settings) => (
          <ChoiceForm
            key={settings.zone}
            market={settings}
            onAnswer={() => {
              choices.reload();
              market.reload();
            }}
          />
        )}
      </Load>
    </Card>
  );
}

function ChoiceForm({ market, onAnswer }: { market: Market; onAnswer: () => void }) {
  const [fromText, setFrom] = useState<string>();
  const [name, setName] = useState<MechanismName>("uniform");
  const [kText, setK] = useState("50");
  const [priceText, setPrice] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, outcome, run } = useWork<MechanismChoice>();

  const zone = market.timezone;
  const first = firstUnopened(market);
  // Until somebody names a slot, the form moves on with the market's clock.
  const shownFrom = fromText ?? wallTime(first, zone);
  const from = atWallTime(shownFrom, zone);
  const mechanism = written(name, kText, priceText);
  const about = MECHANISMS[name];

  const submit = async () => {
    setTried(true);
    if (!from || !mechanism) return;
    await run(async () => {
      const chosen = await api.chooseMechanism(timestamp(from), mechanism, market.zone);
      setTried(false);
      return chosen;
    });
    onAnswer();
  };

  return (
    <>
      <Form wide onSubmit={submit}>
        <TextField
          label="First slot"
          hint={from && <FromHint from={from} first={first} zone={zone} />}
          error={from ? undefined : "Enter a day and a time that the clocks show on it."}
          type="datetime-local"
          required
          step={market.slot_minutes * 60}
          value={shownFrom}
          onChange={setFrom}
        />
        <SelectField
          label="Mechanism"
          hint={<span aria-live="polite">{about.does}</span>}
          value={name}
          onChange={(wanted) => setName(wanted as MechanismName)}
        >
          <Options label="One price for all trades" onePrice />
          <Options label="Two prices for each trade" onePrice={false} />
        </SelectField>
        {about.k && (
          <AmountField
            label="k (%)"
            hint={about.k}
            error={tried && readK(kText) === null ? "Enter 0 to 100, with at most two decimals." : undefined}
            required
            value={kText}
            onChange={setK}
          />
        )}
        {about.priced && (
          <AmountField
            label="Price ($/kWh)"
            hint="Of the energy alone, before fees."
            error={tried && readPrice(priceText) === null ? "Enter a price such as 0.18, with at most six decimals." : undefined}
            required
            placeholder="0.18"
            value={priceText}
            onChange={setPrice}
          />
        )}
        <button type="submit" className="primary" disabled={busy}>
          Choose
        </button>
      </Form>
      <Outcome of={outcome}>
        {(chosen) => (
          <>
            {chosen.from && `Slots from ${moment(chosen.from, zone)} on are cleared by: `}
            {titleOf(chosen.mechanism)}.
          </>
        )}
      </Outcome>
    </>
  );
}

function Options({ label, onePrice }: { label: string; onePrice: boolean }) {
  return (
    <optgroup label={label}>
      {NAMES.filter((name) => MECHANISMS[name].onePrice === onePrice).map((name) => (
        <option key={name} value={name}>
          {MECHANISMS[name].title}
        </option>
      ))}
    </optgroup>
  );
}

/** The moment without doubt, and from when on there is something to choose. */
function FromHint({ from, first, zone }: { from: Date; first: string; zone: string }) {
  return (
    <>
      In {zone}; {utc(timestamp(from))}.
      {from.getTime() < Date.parse(first) && ` Books before ${moment(first, zone)} are open already.`}
    </>
  );
}
