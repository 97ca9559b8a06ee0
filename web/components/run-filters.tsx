/** Filters of the runs list; they live in the address. */
import { X } from "lucide-react";
import { useCallback } from "react";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { isFiltered, type RunSearch } from "../model/search.ts";
import { RUN_STATES, type RunState, runFace } from "../model/state.ts";
import { TONE } from "./badge.tsx";
import { Button } from "./button.tsx";
import { StateIcon } from "./icon.tsx";
import { SearchBox } from "./search-box.tsx";
import { useViewer } from "./viewer.tsx";

export type RunFiltersProps = { search: RunSearch; change: (part: RunSearch) => void };

export function RunFilters({ search, change }: RunFiltersProps) {
  const { namespace } = useViewer();
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: search.job });
  const byJob = useCallback((job: string) => change({ job: job === "" ? undefined : job }), [change]);
  const tags = search.tag ?? [];
  return (
    <div className="mb-3 flex flex-wrap items-center gap-2">
      <StateFilter chosen={search.state ?? []} choose={(state) => change({ state })} />
      <SearchBox
        label="Job by name"
        value={search.job ?? ""}
        apply={byJob}
        suggestions={jobs.data?.jobs.nodes.map((job) => job.name) ?? []}
        className="max-sm:flex-1 sm:w-44"
      />
      <TagInput add={(tag) => change({ tag: [...new Set([...tags, tag])] })} />
      {tags.map((tag) => (
        <Chosen
          key={tag}
          word={`tag ${tag}`}
          drop={() => change({ tag: tags.filter((each) => each !== tag) })}
        />
      ))}
      {search.trigger !== undefined && (
        <Chosen word={`trigger ${search.trigger}`} drop={() => change({ trigger: undefined })} />
      )}
      {isFiltered(search) && (
        <Button
          look="bare"
          onClick={() => change({ state: undefined, job: undefined, trigger: undefined, tag: undefined })}
        >
          Clear filters
        </Button>
      )}
    </div>
  );
}

function StateFilter({
  chosen,
  choose,
}: {
  chosen: readonly RunState[];
  choose: (states: RunState[]) => void;
}) {
  const toggle = (state: RunState): void =>
    choose(chosen.includes(state) ? chosen.filter((each) => each !== state) : [...chosen, state]);
  return (
    <fieldset className="flex max-w-full min-w-0 gap-1 overflow-x-auto rounded-md border border-line bg-panel p-0.5">
      <legend className="sr-only">States</legend>
      {RUN_STATES.map((state) => {
        const face = runFace(state);
        return (
          <button
            key={state}
            type="button"
            aria-pressed={chosen.includes(state)}
            onClick={() => toggle(state)}
            className={`${TONE[face.tone]} flex h-6.5 shrink-0 items-center gap-1.5 rounded px-2 text-xs font-medium text-muted hover:text-ink aria-pressed:tinted`}
          >
            <StateIcon icon={face.icon === "spinner" ? "queued" : face.icon} className="size-3" />
            {face.word}
          </button>
        );
      })}
    </fieldset>
  );
}

function TagInput({ add }: { add: (tag: string) => void }) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const input = new FormData(event.currentTarget).get("tag");
        if (typeof input === "string" && input.trim() !== "") add(input.trim());
        event.currentTarget.reset();
      }}
    >
      <input
        name="tag"
        aria-label="Add a tag to filter by, then press Enter"
        placeholder="Tag…"
        autoComplete="off"
        className="h-8 w-24 rounded-md border border-line bg-panel px-2.5 text-[13px] placeholder:text-muted"
      />
    </form>
  );
}

function Chosen({ word, drop }: { word: string; drop: () => void }) {
  return (
    <span className="inline-flex h-7 items-center gap-1 rounded-full bg-accent/10 pr-1 pl-3 text-xs font-medium text-accent">
      {word}
      <button
        type="button"
        aria-label={`Remove the filter ${word}`}
        onClick={drop}
        className="rounded-full p-1 hover:bg-accent/15"
      >
        <X className="size-3" />
      </button>
    </span>
  );
}
