/** What can be done with a trigger: pause, resume, reset, run now, edit, backfill, audit, delete. */
import { useNavigate } from "@tanstack/react-router";
import { History, Pause, Pencil, Play, RotateCcw, ShieldCheck, Trash2, Zap } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { DeleteTrigger, FireTrigger, ResetTrigger } from "../graphql/trigger-changes.ts";
import type { Trigger } from "../graphql/triggers.ts";
import { type Reading, reading } from "../model/forms.ts";
import { type Json, parseJson } from "../model/json.ts";
import { pausedInWords, type TriggerPause } from "../model/pauses.ts";
import type { Misfire } from "../model/schedule.ts";
import type { TriggerState } from "../model/state.ts";
import { Button } from "./button.tsx";
import { ConfirmDialog } from "./confirm-dialog.tsx";
import { Dialog } from "./dialog.tsx";
import { CodeField } from "./field.tsx";
import { PauseDialog } from "./pause-dialogs.tsx";
import { ResumeDialog } from "./resume-dialog.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

const TriggerDialog = lazy(() => import("./trigger-dialog.tsx"));
const AuditDialog = lazy(() => import("./audit-dialog.tsx"));
const BackfillDialog = lazy(() => import("./backfill-dialog.tsx"));

type Standing = {
  name: string;
  state: TriggerState;
  misfire: Misfire;
  pauses: readonly TriggerPause[];
};

export type PauseActionProps = { trigger: Standing; compact?: boolean; changed: () => void };

/** The one action that its state asks for. `compact`: a picture only, for a list. */
export function PauseAction({ trigger, compact = false, changed }: PauseActionProps) {
  const { namespace, mayOperate } = useViewer();
  const [asking, setAsking] = useState(false);
  const [{ fetching }, reset] = useMutation(ResetTrigger);
  const { name, state, pauses } = trigger;
  if (!mayOperate || state === "COMPLETE") return null;
  const look = compact ? ({ look: "bare", icon: true, className: "-my-1" } as const) : {};
  const close = (): void => setAsking(false);
  if (state === "ERROR") {
    const goOn = async (): Promise<void> => {
      const { error } = await reset({ namespace, name });
      if (error) toast.error(messageOf(error));
      else toast.success(`${name} is back at work.`);
      changed();
    };
    return (
      <Button {...look} aria-label={`Reset ${name}`} title="Reset" disabled={fetching} onClick={goOn}>
        <RotateCcw className="size-4" /> {!compact && "Reset"}
      </Button>
    );
  }
  const [narrowest] = pauses;
  // One that is paused with others goes on with them; its own page lists those pauses, and it may be paused itself, too.
  if (state === "PAUSED" && narrowest !== undefined && (compact || narrowest.kind === "TRIGGER")) {
    const what = pausedInWords(narrowest);
    return (
      <>
        <Button
          {...look}
          aria-label={`Resume ${what}`}
          title={`Resume ${what}`}
          onClick={() => setAsking(true)}
        >
          <Play className="size-4" /> {!compact && "Resume"}
        </Button>
        {asking && (
          <ResumeDialog
            pause={narrowest}
            misfire={narrowest.kind === "TRIGGER" ? trigger.misfire : undefined}
            changed={changed}
            close={close}
          />
        )}
      </>
    );
  }
  return (
    <>
      <Button {...look} aria-label={`Pause ${name}`} title="Pause" onClick={() => setAsking(true)}>
        <Pause className="size-4" /> {!compact && "Pause"}
      </Button>
      {asking && <PauseDialog name={name} changed={changed} close={close} />}
    </>
  );
}

type Act = "edit" | "fire" | "backfill" | "audit" | "delete";

/** Everything, for the trigger's own page. */
export function TriggerActions({ trigger, changed }: { trigger: Trigger; changed: () => void }) {
  const { mayOperate, mayDefine } = useViewer();
  const [act, setAct] = useState<Act>();
  const close = (): void => setAct(undefined);
  const { name } = trigger;
  return (
    <>
      {mayOperate && (
        <Button onClick={() => setAct("fire")}>
          <Zap className="size-4" /> Run now
        </Button>
      )}
      <PauseAction trigger={trigger} changed={changed} />
      {mayDefine && (
        <Button onClick={() => setAct("edit")}>
          <Pencil className="size-3.5" /> Edit
        </Button>
      )}
      {mayOperate && (
        <Button onClick={() => setAct("backfill")}>
          <History className="size-4" /> Backfill…
        </Button>
      )}
      <Button onClick={() => setAct("audit")}>
        <ShieldCheck className="size-4" /> Audit…
      </Button>
      {mayDefine && (
        <Button icon aria-label={`Delete ${name}`} title="Delete" onClick={() => setAct("delete")}>
          <Trash2 className="size-4" />
        </Button>
      )}
      <Suspense fallback={null}>
        {act === "edit" && <TriggerDialog trigger={trigger} close={close} />}
        {act === "audit" && <AuditDialog trigger={trigger} close={close} />}
        {act === "backfill" && <BackfillDialog trigger={name} close={close} />}
      </Suspense>
      {act === "fire" && <FireDialog name={name} input={trigger.input} close={close} />}
      {act === "delete" && <DeleteDialog name={name} close={close} />}
    </>
  );
}

type FireDialogProps = { name: string; input: Json; close: () => void };

/** Runs the trigger's job now; its schedule and ledger stay as they are. */
function FireDialog({ name, input, close }: FireDialogProps) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const wanted = readInput(text);
  const [{ fetching }, fire] = useMutation(FireTrigger);
  const { faults, fault, submit } = useSubmit(wanted, ["input"], (values) =>
    fire({ namespace, name, ...values }),
  );
  const send = async (): Promise<void> => {
    const data = await submit();
    if (data === undefined) return;
    toast.success(`A run of ${name} is started.`);
    close();
    navigate({ to: "/runs/$id", params: { id: data.fireTrigger.id } });
  };
  return (
    <Dialog
      title={`Run ${name} now?`}
      note="One run more, whatever the trigger's state. Its schedule goes on as it is."
      open
      close={close}
      verb="Run it now"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <CodeField
        label="Input"
        placeholder={input === null ? "the job's" : JSON.stringify(input, null, 2)}
        hint="JSON. Blank: the one that its runs always get."
        value={text}
        onChange={(event) => setText(event.target.value)}
        fault={wanted.faults.input ?? faults.input}
      />
    </Dialog>
  );
}

function readInput(text: string): Reading<{ input?: Json }> {
  const input = parseJson(text);
  if (!input.ok) return reading({}, { input: input.message });
  return reading(input.value === undefined ? {} : { input: input.value }, {});
}

function DeleteDialog({ name, close }: { name: string; close: () => void }) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [{ fetching, error }, remove] = useMutation(DeleteTrigger);
  return (
    <ConfirmDialog
      title={`Delete ${name}?`}
      note="It fires no more, and its ledger goes with it. Runs that it has started go on."
      verb="Delete the trigger"
      look="danger"
      done={`${name} is deleted.`}
      busy={fetching}
      error={error}
      act={() => remove({ namespace, name })}
      after={() => navigate({ to: "/triggers" })}
      close={close}
    />
  );
}
