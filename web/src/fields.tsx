// Fields of forms: a label, what is entered, and a hint or what is wrong.

import { type InputHTMLAttributes, type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import type { Side } from "./types";
import { Field } from "./ui";

/** A form that says at its fields what is wrong, and not in bubbles of the browser: the first such field takes the
 * focus when somebody tries to send it. */
export function Form(props: { wide?: boolean; onSubmit: () => void; children: ReactNode }) {
  const form = useRef<HTMLFormElement>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (tries) form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [tries]);
  return (
    <form
      ref={form}
      className={props.wide ? "form wide" : "form"}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTries(tries + 1);
        props.onSubmit();
      }}
    >
      {props.children}
    </form>
  );
}

interface Named {
  label: string;
  hint?: ReactNode;
  /** What is wrong; takes the place of the hint. */
  error?: string | undefined;
}

type TextProps = Named & {
  value: string;
  onChange: (value: string) => void;
  focus?: RefObject<HTMLInputElement | null>;
} & Omit<InputHTMLAttributes<HTMLInputElement>, "value" | "onChange" | "id">;

/** Text of one line, or whatever `type` says. */
export function TextField({ label, hint, error, value, onChange, focus, ...rest }: TextProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <input
          {...attributes}
          {...rest}
          ref={focus}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** Text of several lines. */
export function TextAreaField(props: Named & { value: string; onChange: (value: string) => void; maxLength: number }) {
  const { label, hint, error, value, onChange, maxLength } = props;
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <textarea
          {...attributes}
          required
          rows={4}
          maxLength={maxLength}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** An amount: digits and a point, on a phone's number pad. */
export function AmountField(props: TextProps) {
  return <TextField inputMode="decimal" autoComplete="off" {...props} />;
}

type SelectProps = Named & {
  value: string;
  onChange: (value: string) => void;
  required?: boolean;
  children: ReactNode;
};

/** One of several. */
export function SelectField({ label, hint, error, value, onChange, required, children }: SelectProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <select {...attributes} required={required} value={value} onChange={(event) => onChange(event.target.value)}>
          {children}
        </select>
      )}
    </Field>
  );
}

/** Narrows down the list below it. */
export function Filter(props: {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  children: ReactNode;
}) {
  return (
    <div className="toolbar">
      <label htmlFor={props.id}>{props.label}</label>
      <select id={props.id} value={props.value} onChange={(event) => props.onChange(event.target.value)}>
        {props.children}
      </select>
    </div>
  );
}

/** To buy or to sell. */
export function SideField(props: { name: string; value: Side; onChange: (side: Side) => void }) {
  return (
    <fieldset>
      <legend>Type</legend>
      <div className="segments">
        {(["buy", "sell"] as const).map((side) => (
          <label key={side} className={`segment ${side}`}>
            <input
              type="radio"
              name={props.name}
              value={side}
              checked={props.value === side}
              onChange={() => props.onChange(side)}
            />
            {side === "buy" ? "Buy" : "Sell"}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
