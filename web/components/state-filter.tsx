/** States to filter by, each a button that is pressed or not. */
import type { Face } from "../model/state.ts";
import { TONE } from "./badge.tsx";
import { StateIcon } from "./icon.tsx";

export type StateFilterProps<State extends string> = {
  label: string;
  states: readonly State[];
  face: (state: State) => Face;
  chosen: readonly State[];
  /** Undefined when none is chosen: then all are shown. */
  choose: (states: State[] | undefined) => void;
};

export function StateFilter<State extends string>(props: StateFilterProps<State>) {
  const { label, states, face, chosen, choose } = props;
  const toggle = (state: State): void => {
    const wanted = chosen.includes(state) ? chosen.filter((each) => each !== state) : [...chosen, state];
    choose(wanted.length === 0 ? undefined : wanted);
  };
  return (
    <fieldset className="flex max-w-full min-w-0 gap-1 overflow-x-auto rounded-md border border-line bg-panel p-0.5">
      <legend className="sr-only">{label}</legend>
      {states.map((state) => {
        const { word, icon, tone } = face(state);
        return (
          <button
            key={state}
            type="button"
            aria-pressed={chosen.includes(state)}
            onClick={() => toggle(state)}
            className={`${TONE[tone]} flex h-6.5 shrink-0 items-center gap-1.5 rounded px-2 text-xs font-medium text-muted hover:text-ink aria-pressed:tinted`}
          >
            <StateIcon icon={icon === "spinner" ? "queued" : icon} className="size-3" />
            {word}
          </button>
        );
      })}
    </fieldset>
  );
}
