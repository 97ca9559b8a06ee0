/** Labelled inputs with their hint or fault beneath. */
import { type ComponentProps, type ReactNode, useId } from "react";

export const BOX =
  "w-full rounded-md border border-line bg-ground px-2.5 text-[13px] placeholder:text-muted/70 aria-invalid:border-bad";

type Wiring = { id: string; "aria-invalid": boolean; "aria-describedby": string };

/** The frame of a field; `children` gets the attributes that tie the input to its label and fault. */
export function Field(props: {
  label: string;
  hint?: ReactNode;
  fault?: string | undefined;
  children: (wiring: Wiring) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="text-[13px] font-medium">
        {props.label}
      </label>
      {props.children({ id, "aria-invalid": props.fault !== undefined, "aria-describedby": `${id}-note` })}
      <p
        id={`${id}-note`}
        className={`min-h-4 text-xs wrap-anywhere ${props.fault === undefined ? "text-muted" : "text-bad"}`}
      >
        {props.fault ?? props.hint}
      </p>
    </div>
  );
}

export type Common = { label: string; hint?: ReactNode; fault?: string | undefined };

export function TextField({ label, hint, fault, className = "", ...rest }: Common & ComponentProps<"input">) {
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(wiring) => (
        <input type="text" autoComplete="off" {...rest} {...wiring} className={`${BOX} h-8 ${className}`} />
      )}
    </Field>
  );
}

/** A text area for JSON. */
export function CodeField({ label, hint, fault, ...rest }: Common & ComponentProps<"textarea">) {
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(wiring) => (
        <textarea
          spellCheck={false}
          rows={7}
          {...rest}
          {...wiring}
          className={`${BOX} resize-y py-2 font-mono text-xs leading-relaxed`}
        />
      )}
    </Field>
  );
}

/** Some of a few words, each a button that is pressed or not. */
export function ChoiceField<Word extends string>(
  props: Common & {
    words: readonly Word[];
    chosen: readonly Word[];
    short: (word: Word) => string;
    onChange: (chosen: readonly Word[]) => void;
  },
) {
  const { words, chosen, short, onChange, ...common } = props;
  const toggled = (word: Word): readonly Word[] =>
    words.filter((each) => (each === word ? !chosen.includes(each) : chosen.includes(each)));
  return (
    <Field {...common}>
      {({ id, ...wiring }) => (
        <fieldset id={id} aria-label={common.label} {...wiring} className="flex gap-1">
          {words.map((word) => (
            <button
              key={word}
              type="button"
              aria-pressed={chosen.includes(word)}
              aria-label={word}
              onClick={() => onChange(toggled(word))}
              className="h-8 grow rounded-md border border-line text-xs text-muted aria-pressed:border-accent aria-pressed:text-accent"
            >
              {short(word)}
            </button>
          ))}
        </fieldset>
      )}
    </Field>
  );
}

export function SelectField({ label, hint, fault, children, ...rest }: Common & ComponentProps<"select">) {
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(wiring) => (
        <select {...rest} {...wiring} className={`${BOX} h-8`}>
          {children}
        </select>
      )}
    </Field>
  );
}
