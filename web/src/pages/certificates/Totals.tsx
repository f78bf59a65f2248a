import { count, forPixels } from "../../format";
import type { SourceTotal } from "../../types";
import { Empty } from "../../ui";

/** What there is of each source, as bars of one scale with the numbers beside them. */
export function Totals({ totals }: { totals: SourceTotal[] }) {
  if (!totals.length) return <Empty>Nothing is certified yet: no trade from a registered source is past its challenges.</Empty>;
  const sumOf = (total: SourceTotal) => total.held_wh + total.retired_wh;
  const most = Math.max(...totals.map(sumOf), 1);
  const share = (wh: number) => `${forPixels(BigInt(wh) * 100n, 0) / most}%`;
  return (
    <figure className="sources">
      <figcaption className="legend">
        <span>
          <i className="held-wh" />
          Held
        </span>
        <span>
          <i className="retired-wh" />
          Retired
        </span>
      </figcaption>
      <ul>
        {totals.map((total) => (
          <li key={total.source}>
            <span title={total.source}>{total.source_name}</span>
            <span className="source-bar" aria-hidden="true">
              <i className="held-wh" style={{ width: share(total.held_wh) }} />
              <i className="retired-wh" style={{ width: share(total.retired_wh) }} />
            </span>
            <span className="source-sum">
              {count(total.held_wh)} Wh held, {count(total.retired_wh)} Wh retired
            </span>
          </li>
        ))}
      </ul>
    </figure>
  );
}
