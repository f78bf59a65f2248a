import { type ReactNode, useState } from "react";
import * as api from "../../api";
import { save } from "../../download";
import { SelectField, TextField } from "../../fields";
import { useLoad } from "../../live";
import { lastWeek, periodError } from "../../report";
import { Card, Load } from "../../ui";
import { useUnits } from "../../units";
import { Outcome, useWork } from "../../work";
import { Estimated } from "./reports/Estimated";
import { type Of, Charges, Settlement } from "./reports/Money";
import { ResidualLoad } from "./reports/ResidualLoad";
import { Unbilled } from "./reports/Unbilled";

type Name = api.PeriodReport | "unbilled";

const REPORTS: Record<Name, { title: string; hint: string }> = {
  settlement: {
    title: "Settlement",
    hint: "Trades by slot, zone and grid operator: energy, and where the money went. What is not reconciled yet counts as agreed only.",
  },
  "residual-load": {
    title: "Residual load",
    hint: "What meters took and fed in, less what neighbours delivered to each other: what the retailer is left with.",
  },
  charges: {
    title: "Charges",
    hint: "What bills charge with their corrections so far, by class of their lines; of the bills whose last day is among these.",
  },
  estimated: {
    title: "Estimated energy",
    hint: "Slots whose energy was shared out of a longer span between two readings: it is billed, and sets no peak.",
  },
  unbilled: {
    title: "Not billed yet",
    hint: "What of each connection point is not billed today, and how old its last reading is.",
  },
};

/** Reports for who supplies, and runs the grid: as a table here, and as a file. */
export function Reports() {
  const market = useLoad("market", () => api.market());
  const units = useUnits();
  return (
    <Load of={market}>
      {({ now, timezone }) => (
        <Load of={units}>
          {([unit]) => <Contents week={lastWeek(now, timezone)} zone={timezone} currency={unit?.code ?? ""} />}
        </Load>
      )}
    </Load>
  );
}

interface ContentsProps {
  week: { from: string; to: string };
  zone: string;
  currency: string;
}

function Contents({ week, zone, currency }: ContentsProps) {
  const [name, setName] = useState<Name>("residual-load");
  const [from, setFrom] = useState(week.from);
  const [to, setTo] = useState(week.to);
  const { busy, outcome, run, say } = useWork();
  const wrong = name === "unbilled" ? undefined : periodError(from, to);
  const { title, hint } = REPORTS[name];
  const choose = (set: (value: string) => void) => (value: string) => {
    say(undefined);
    set(value);
  };
  const download = () =>
    run(async () => {
      const days = name === "unbilled" ? undefined : { from, to };
      save(await api.reportFile(name, days), days ? `${name}-${from}-${to}.csv` : `${name}.csv`);
    });
  const of: Of = { days: { from, to }, zone, currency };
  const shown: Record<Name, () => ReactNode> = {
    settlement: () => <Settlement {...of} />,
    "residual-load": () => <ResidualLoad {...of} />,
    charges: () => <Charges {...of} />,
    estimated: () => <Estimated {...of} />,
    unbilled: () => <Unbilled zone={zone} />,
  };
  return (
    <>
      <Card title="Reports" id="reports">
        <div className="form wide">
          <SelectField label="Report" value={name} onChange={choose((value) => setName(value as Name))}>
            {Object.entries(REPORTS).map(([value, { title: text }]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </SelectField>
          {name !== "unbilled" && (
            <>
              <TextField label="First day" type="date" error={wrong} value={from} onChange={choose(setFrom)} />
              <TextField label="Last day" type="date" value={to} onChange={choose(setTo)} />
            </>
          )}
        </div>
      </Card>
      <Card
        title={title}
        id="report"
        aside={
          <button type="button" disabled={busy || wrong !== undefined} onClick={download}>
            Download as CSV
          </button>
        }
      >
        <p className="hint">{hint}</p>
        <Outcome of={outcome} />
        {wrong === undefined && shown[name]()}
      </Card>
    </>
  );
}
