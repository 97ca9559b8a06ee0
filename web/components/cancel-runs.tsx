/** Cancels the runs that a list shows, and those on its further pages. */
import { Ban } from "lucide-react";
import { useState } from "react";
import { useClient } from "urql";
import { CancelRuns } from "../graphql/dead-letters.ts";
import { isFiltered, type RunSearch } from "../model/search.ts";
import { hasEnded, RUN_STATES } from "../model/state.ts";
import { BulkDialog } from "./bulk-dialog.tsx";
import { Button } from "./button.tsx";
import { TextField } from "./field.tsx";
import { useViewer } from "./viewer.tsx";

export function CancelRunsButton({ search }: { search: RunSearch }) {
  const [open, setOpen] = useState(false);
  const live = RUN_STATES.filter((state) => !hasEnded(state));
  const states = search.state === undefined ? live : live.filter((state) => search.state?.includes(state));
  // Nothing in such a list can be cancelled.
  if (states.length === 0) return null;
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <Ban className="size-3.5" /> Cancel runs…
      </Button>
      {open && <CancelRunsDialog search={search} states={states} close={() => setOpen(false)} />}
    </>
  );
}

type CancelRunsProps = { search: RunSearch; states: typeof RUN_STATES; close: () => void };

function CancelRunsDialog({ search, states, close }: CancelRunsProps) {
  const { namespace } = useViewer();
  const client = useClient();
  const [reason, setReason] = useState("");
  const { job, trigger, tag } = search;
  return (
    <BulkDialog
      title={
        isFiltered(search) ? "Cancel the runs that fit these filters?" : "Cancel every run of this namespace?"
      }
      note="Those that have not started end at once. Running ones are told to stop; one that does not is taken from its worker."
      verb="Cancel"
      look="danger"
      words={["run", "runs"]}
      outcome="cancelled or told to stop"
      call={({ dryRun, after }) =>
        client
          .mutation(CancelRuns, {
            namespace,
            filter: { states: [...states], job, trigger, tags: tag },
            reason: reason.trim() === "" ? null : reason.trim(),
            dryRun,
            after,
          })
          .toPromise()
      }
      close={close}
    >
      <TextField
        label="Reason"
        hint="Optional; kept with each run."
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
    </BulkDialog>
  );
}
