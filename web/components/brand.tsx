/** The escape wheel. */
export function Brand() {
  return (
    <span className="flex items-center gap-2.5 text-[15px] font-semibold tracking-tight">
      <img src="/icon.svg" alt="" className="size-6" />
      Escapement
    </span>
  );
}
