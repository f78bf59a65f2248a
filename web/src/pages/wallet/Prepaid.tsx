import * as api from "../../api";
import { type Unit, amountIn } from "../../currency";
import { utc } from "../../format";
import { useLoad } from "../../live";
import { NEXT, lastsText, prepaidState } from "../../prepaid";
import type { Prepaid } from "../../types";
import { Badge, Card, Load, Notice, Stat, Stats } from "../../ui";
import { Outcome, useWork } from "../../work";

/** For how long what somebody has lasts, where they pay before they use, and what happens next. */
export function PrepaidCard({ unit }: { unit: Unit }) {
  const prepaid = useLoad("prepaid", api.prepaid, ["block"]);
  return (
    <Card title="Paying before use" id="prepaid">
      <Load of={prepaid}>{(known) => <Contents unit={unit} known={known} reload={prepaid.reload} />}</Load>
    </Card>
  );
}

function Contents({ unit, known, reload }: { unit: Unit; known: Prepaid; reload: () => void }) {
  const { busy, outcome, run } = useWork();
  const [text, tone] = prepaidState(known.state);
  const amount = (of: string) => amountIn(unit, of);
  const change = (question: string, work: () => Promise<unknown>, done: string) => {
    if (!confirm(question)) return;
    void run(async () => {
      await work();
      reload();
      return done;
    });
  };
  return (
    <>
      <p className="hint">
        {known.agreed
          ? "You pay before you use. Your balance is your free cash, less what your bills leave and what you have used since."
          : "You get bills. You can also pay before you use: then you are told before your balance runs out."}
      </p>
      <Stats>
        <Stat label={known.agreed ? "Balance" : "Your balance would be"} value={amount(known.balance)} />
        <Stat label="Used in a day" value={amount(known.use_per_day)} note="Mean of the last seven days" />
        <Stat label="Lasts for" value={lastsText(known.hours_left)} note={`${lastsText(known.hours_with_credit)} with ${amount(known.credit)} of credit`} />
        {known.agreed && <Stat label="State" value={<Badge tone={tone}>{text}</Badge>} note={known.since && `Since ${utc(known.since)}`} />}
      </Stats>
      <Stats>
        <Stat label="Free cash" value={amount(known.free)} />
        <Stat label="Left of bills" value={amount(known.owed)} />
        <Stat label="Used and not billed yet" value={amount(known.unbilled)} note="An estimate, by the readings that are known" />
      </Stats>
      {known.agreed && <p>{NEXT[known.state](known.low_days, amount(known.credit))}</p>}
      {known.buys_nothing_for.length > 0 && (
        <Notice tone="warn">
          You cannot buy from neighbours until {known.buys_nothing_for.includes("dunning") ? "your bill is paid" : "you top up"}.
          Your retailer goes on.
        </Notice>
      )}
      {known.suspension && (
        <Notice tone="bad">
          Your supply may be suspended from {utc(known.suspension.from)} on
          {known.suspension.agreed ? "" : ", if a second person agrees"}: {known.suspension.reason} Top up, or tell your
          operator if somebody at home depends on the supply.
        </Notice>
      )}
      {known.protected && <Notice tone="info">Your supply is protected: it is not suspended.</Notice>}
      {known.agreed ? (
        <button
          type="button"
          className="quiet"
          disabled={busy}
          onClick={() => change("Get bills instead? What you owe comes as a bill.", api.endPrepaid, "You get bills.")}
        >
          Get bills instead
        </button>
      ) : (
        <button
          type="button"
          disabled={busy}
          onClick={() => change("Pay before you use from now on?", api.agreePrepaid, "You pay before you use.")}
        >
          Pay before use
        </button>
      )}
      <Outcome of={outcome} />
    </>
  );
}
