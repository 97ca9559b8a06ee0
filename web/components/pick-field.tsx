/** Choosing any number of things from a list, and switching one thing on. */
import { BOX, type Common, Field } from "./field.tsx";

export type Pickable = { name: string; description: string | null };

/** A box of ticks that scrolls when there are many; what is chosen but not offered is listed, too. */
export function PickField(
  props: Common & {
    from: readonly Pickable[];
    chosen: readonly string[];
    /** What to say when there is nothing to choose from. */
    empty: string;
    onChange: (chosen: readonly string[]) => void;
  },
) {
  const { from, chosen, empty, onChange, ...common } = props;
  const strange = chosen.filter((name) => !from.some((each) => each.name === name));
  const offered = [...strange.map((name) => ({ name, description: null })), ...from];
  const toggle = (name: string): void =>
    onChange(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name]);
  return (
    <Field {...common}>
      {({ id, ...wiring }) => (
        <fieldset
          id={id}
          aria-label={common.label}
          {...wiring}
          className={`${BOX} grid max-h-36 gap-0.5 overflow-y-auto py-1.5`}
        >
          {offered.length === 0 && <p className="text-muted">{empty}</p>}
          {offered.map(({ name, description }) => (
            <label key={name} className="flex min-w-0 items-baseline gap-2">
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={() => toggle(name)}
                className="translate-y-px accent-accent"
              />
              <span className="max-w-full shrink-0 truncate font-medium">{name}</span>
              {description !== null && <span className="truncate text-xs text-muted">{description}</span>}
            </label>
          ))}
        </fieldset>
      )}
    </Field>
  );
}
