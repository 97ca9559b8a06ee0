/** Filters of the runs list; they live in the address. */
import { X } from "lucide-react";
import { useCallback } from "react";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { isFiltered, type RunSearch } from "../model/search.ts";
import { RUN_STATES, runFace } from "../model/state.ts";
import { Button } from "./button.tsx";
import { SearchBox } from "./search-box.tsx";
import { StateFilter } from "./state-filter.tsx";
import { useViewer } from "./viewer.tsx";

export type RunFiltersProps = { search: RunSearch; change: (part: RunSearch) => void };

export function RunFilters({ search, change }: RunFiltersProps) {
  const { namespace } = useViewer();
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: search.job });
  const byJob = useCallback((job: string) => change({ job: job === "" ? undefined : job }), [change]);
  const tags = search.tag ?? [];
  return (
    <div className="mb-3 flex flex-wrap items-center gap-2">
      <StateFilter
        label="States"
        states={RUN_STATES}
        face={(state) => runFace(state)}
        chosen={search.state ?? []}
        choose={(state) => change({ state })}
      />
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

/** A filter that is on, and the way to take it off. */
export function Chosen({ word, drop }: { word: string; drop: () => void }) {
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
