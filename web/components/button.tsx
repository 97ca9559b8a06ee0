/** Buttons, in three weights. */
import type { ComponentProps } from "react";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:opacity-90 border-transparent",
  plain: "bg-panel hover:bg-sunken border-line",
  danger: "bg-bad text-on-accent hover:opacity-90 border-transparent",
  bare: "border-transparent hover:bg-sunken text-muted hover:text-ink",
};

export type ButtonProps = ComponentProps<"button"> & { look?: keyof typeof LOOKS; icon?: boolean };

/** `icon`: square, for one picture; give it an `aria-label`. */
export function Button({ look = "plain", icon = false, className = "", ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`inline-flex h-8 shrink-0 items-center justify-center gap-1.5 rounded-md border text-[13px] font-medium whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:opacity-50 ${icon ? "w-8" : "px-3"} ${LOOKS[look]} ${className}`}
    />
  );
}
