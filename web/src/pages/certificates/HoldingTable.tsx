import { type CertificateRequest, leftOf } from "../../certificate";
import { count, dateIn, slotSpan, utc } from "../../format";
import type { CertificateAbout, Holding } from "../../types";
import { Hash, Table } from "../../ui";

/** "2026-06-01, 14:15–14:30" in a time zone: certificates stay for years. */
export function slotOf({ slot, slot_seconds }: CertificateAbout, zone: string | undefined): string {
  return `${dateIn(slot, zone)}, ${slotSpan(slot, slot_seconds / 60, zone)}`;
}

/** Certificates, newest slot first; what is one's own can be given away and retired. */
export function HoldingTable(props: {
  holdings: Holding[];
  requests: CertificateRequest[];
  zone: string | undefined;
  isOwn: (holding: Holding) => boolean;
  onUse: (holding: Holding, use: "give" | "retire") => void;
}) {
  const { zone, isOwn } = props;
  const anyOwn = props.holdings.some(isOwn);
  return (
    <Table
      caption="Certificates, newest slot first"
      rows={props.holdings}
      rowKey={(one) => `${one.certificate} ${one.account}`}
      empty="There is no certificate yet. They come by themselves, some days after energy was delivered."
      columns={[
        {
          head: "Delivered",
          cell: (one) => (
            <time dateTime={one.slot} title={utc(one.slot)}>
              {slotOf(one, zone)}
            </time>
          ),
        },
        { head: "Source", cell: (one) => <span title={one.source}>{one.source_name}</span> },
        { head: "Device", cell: (one) => <Hash value={one.device} /> },
        { head: "Held (Wh)", numeric: true, cell: (one) => count(one.held_wh) },
        { head: "Retired (Wh)", numeric: true, cell: (one) => count(one.retired_wh) },
        { head: "Certificate", cell: (one) => <Hash value={one.certificate} /> },
        ...(anyOwn
          ? [{ head: "Actions", hideHead: true, cell: (one: Holding) => <Actions {...props} holding={one} /> }]
          : [{ head: "Account", cell: (one: Holding) => <Hash value={one.account} /> }]),
      ]}
    />
  );
}

function Actions(props: {
  holding: Holding;
  requests: CertificateRequest[];
  zone: string | undefined;
  isOwn: (holding: Holding) => boolean;
  onUse: (holding: Holding, use: "give" | "retire") => void;
}) {
  const { holding, onUse } = props;
  if (!props.isOwn(holding) || leftOf(holding, props.requests) === 0n) return null;
  const which = <span className="sr-only"> certificate of {slotOf(holding, props.zone)}</span>;
  return (
    <div className="row-actions">
      <button type="button" className="quiet small" onClick={() => onUse(holding, "give")}>
        Give{which}
      </button>
      <button type="button" className="small" onClick={() => onUse(holding, "retire")}>
        Retire{which}
      </button>
    </div>
  );
}
