import { type ReactNode, useEffect, useRef, useState } from "react";
import * as api from "../../api";
import { keyOf } from "../../request";
import { signRequest } from "../../sign";
import type { AccountRequest, Approval, PreparedRequest } from "../../types";
import { Facts, Hash, Notice } from "../../ui";
import { useUser } from "../../user";

/** What became of a request that its owner signed. */
export const WAITS_FOR_CONSENT =
  "It is large and waits for a member of staff. You find it in your wallet under “What is signed for you”.";

/** A transfer or a mandate before it is signed: what it says, then the signature. */
export function Review(props: {
  prepared: PreparedRequest;
  facts: [string, ReactNode][];
  /** What the button says. */
  action: string;
  children?: ReactNode;
  onDone: (outcome: AccountRequest | Approval) => void;
  onBack: () => void;
}) {
  const { prepared } = props;
  const { account } = useUser();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  const place = useRef<HTMLDivElement>(null);
  // It takes the place of what was pressed: a screen reader goes on here.
  useEffect(() => place.current?.focus(), [prepared]);
  if (!account) return null;
  const confirm = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const signed = await signRequest(prepared, account.custody);
      const { terms } = prepared;
      props.onDone(typeof signed === "string" ? await api.submitRequest(terms, signed, keyOf(terms)) : signed);
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };
  const { domain } = prepared.typed_data;
  return (
    <div className="review" ref={place} tabIndex={-1} role="group" aria-label="Check, then sign">
      {props.children}
      <Facts
        items={[
          ...props.facts,
          [
            "Signed for",
            <span key="c">
              {domain.name} at <Hash value={domain.verifyingContract} /> on chain {domain.chainId}
            </span>,
          ],
        ]}
      />
      <p className="hint">
        {account.custody === "own"
          ? "Your wallet shows the same and signs it."
          : "The operator holds your key and signs it for you."}{" "}
        It costs nothing.
      </p>
      <div className="row-actions">
        <button type="button" className="quiet" onClick={props.onBack} disabled={busy}>
          Back
        </button>
        <button type="button" className="primary" onClick={confirm} disabled={busy}>
          {busy ? "Signing…" : props.action}
        </button>
      </div>
      {error && <Notice tone="bad">{error.message}</Notice>}
    </div>
  );
}
