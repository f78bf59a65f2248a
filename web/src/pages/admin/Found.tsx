import { count, moment } from "../../format";
import { TRIGGERS } from "../../risk";
import type { Tripped } from "../../types";

/** What the market found before it stopped by itself. */
export function Found({ tripped, zone }: { tripped: Tripped; zone: string }) {
  const { trigger, measured, most, from, to, evidence } = tripped;
  const [text, unit] = TRIGGERS[trigger] ?? [trigger, ""];
  return (
    <details className="meanings">
      <summary>
        {text}: {count(measured)} {unit}, at most {count(most)}
      </summary>
      <p className="hint">
        {moment(from, zone)} to {moment(to, zone)}
      </p>
      <ul>
        {evidence.map((line) => (
          <li key={line} className="wrap">
            {line}
          </li>
        ))}
      </ul>
    </details>
  );
}
