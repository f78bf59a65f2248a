import { moment } from "../../format";
import type { Market } from "../../types";
import { Notice } from "../../ui";

/** Says it where nobody may trade. */
export function Stopped({ market: { stopped, timezone } }: { market: Market }) {
  if (!stopped) return null;
  return (
    <Notice tone="warn">
      Trading is stopped since {moment(stopped.since, timezone)}: {stopped.reason}
    </Notice>
  );
}
