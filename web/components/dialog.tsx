/** A modal form: a title, fields, one button that does it. */
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { FormEvent, ReactNode } from "react";
import { Button } from "./button.tsx";

export type DialogProps = {
  title: string;
  note?: ReactNode;
  open: boolean;
  close: () => void;
  /** What the button says, such as `Start the run`. */
  verb: string;
  look?: "primary" | "danger";
  /** True while the answer is awaited, or while a field is wrong. */
  busy?: boolean;
  disabled?: boolean;
  /** What went wrong, for faults that belong to no field. */
  fault?: string | undefined;
  submit: () => void;
  /** Back to the step before, in place of closing. */
  back?: (() => void) | undefined;
  /** For a form with something beside it. */
  wide?: boolean;
  children?: ReactNode;
};

export function Dialog(props: DialogProps) {
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!props.busy && !props.disabled) props.submit();
  };
  return (
    <Radix.Root open={props.open} onOpenChange={(open) => !open && props.close()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Radix.Content
          {...(props.note === undefined ? { "aria-describedby": undefined } : {})}
          className={`fixed inset-x-0 bottom-0 z-50 mx-auto flex max-h-[92dvh] w-full flex-col rounded-t-xl border border-line bg-panel shadow-2xl sm:bottom-auto sm:rounded-xl ${
            props.wide
              ? "max-w-4xl sm:top-[5dvh] sm:max-h-[90dvh]"
              : "max-w-lg sm:top-[10dvh] sm:max-h-[80dvh]"
          }`}
        >
          <form className="flex min-h-0 flex-col" onSubmit={submit} noValidate>
            <div className="flex items-start justify-between gap-3 px-5 pt-4">
              <div className="min-w-0">
                <Radix.Title className="text-base font-semibold wrap-anywhere">{props.title}</Radix.Title>
                {props.note !== undefined && (
                  <Radix.Description asChild>
                    <div className="mt-1 text-[13px] text-muted">{props.note}</div>
                  </Radix.Description>
                )}
              </div>
              <Radix.Close asChild>
                <Button look="bare" icon aria-label="Close this dialog">
                  <X className="size-4" />
                </Button>
              </Radix.Close>
            </div>
            <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4">
              {props.children}
              {props.fault !== undefined && (
                <p role="alert" className="tone-bad tinted rounded-md px-3 py-2 text-[13px] wrap-anywhere">
                  {props.fault}
                </p>
              )}
            </div>
            <div className="flex justify-end gap-2 border-t border-line px-5 py-3">
              {props.back === undefined ? (
                <Radix.Close asChild>
                  <Button>Close</Button>
                </Radix.Close>
              ) : (
                <Button onClick={props.back}>Back</Button>
              )}
              <Button look={props.look ?? "primary"} type="submit" disabled={props.busy || props.disabled}>
                {props.busy ? "One moment…" : props.verb}
              </Button>
            </div>
          </form>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
