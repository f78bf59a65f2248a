import type { ReactNode } from "react";
import * as api from "../../api";
import { keyOf } from "../../request";
import { signRequest } from "../../sign";
import { SignedBy, Signing } from "../../signing";
import type { AccountRequest, Approval, Custody, PreparedRequest } from "../../types";
import { Hash } from "../../ui";
import { useUser } from "../../user";

/** A transfer, a mandate or something done with a certificate before it is signed. */
export function Review(props: {
  prepared: PreparedRequest;
  /** Who has the key of the address that signs, where it is not the account's present one. */
  custody?: string;
  facts: [string, ReactNode][];
  /** What the button says. */
  action: string;
  children?: ReactNode;
  onDone: (outcome: AccountRequest | Approval) => void;
  onBack: () => void;
}) {
  const { prepared } = props;
  const { account } = useUser();
  if (!account) return null;
  const custody = (props.custody ?? account.custody) as Custody;
  const sign = async () => {
    const signed = await signRequest(prepared, custody);
    const { terms } = prepared;
    props.onDone(typeof signed === "string" ? await api.submitRequest(terms, signed, keyOf(terms)) : signed);
  };
  const { domain } = prepared.typed_data;
  return (
    <Signing
      facts={[
        ...props.facts,
        [
          "Signed for",
          <span key="c">
            {domain.name} at <Hash value={domain.verifyingContract} /> on chain {domain.chainId}
          </span>,
        ],
      ]}
      action={props.action}
      hint={
        <>
          <SignedBy shown="the same" /> It costs nothing.
        </>
      }
      sign={sign}
      onBack={props.onBack}
    >
      {props.children}
    </Signing>
  );
}
