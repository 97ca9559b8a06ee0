/** Pages for an address that leads nowhere and for a page that broke. */
import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { Button } from "./button.tsx";
import { Empty } from "./notice.tsx";

export function Missing() {
  return (
    <Empty title="There is no such page.">
      <Link to="/" className="text-accent underline">
        Go to the overview
      </Link>
    </Empty>
  );
}

export function PageFault({ error, reset }: ErrorComponentProps) {
  return (
    <Empty title="This page could not be drawn.">
      <p className="wrap-anywhere">{error instanceof Error ? error.message : String(error)}</p>
      <Button onClick={reset}>Try again</Button>
    </Empty>
  );
}
