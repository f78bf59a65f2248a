import type { RefObject } from "react";
import { TextField } from "../../fields";

/** Who gets something: an address, or an account of the community. */
export function RecipientField(props: {
  hint: string;
  error: string | undefined;
  value: string;
  onChange: (value: string) => void;
  focus?: RefObject<HTMLInputElement | null>;
}) {
  return <TextField label="To" required maxLength={80} autoComplete="off" spellCheck={false} placeholder="0x…" {...props} />;
}
