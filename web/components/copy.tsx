/** Copies a text and says so. */
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import { Button } from "./button.tsx";

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = window.setTimeout(() => setCopied(false), 1_500);
    return () => window.clearTimeout(timer);
  }, [copied]);
  // The clipboard exists only on https and on loopback.
  const copy = (): void => {
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.then(
      () => setCopied(true),
      () => toast.error("The browser did not let the page copy. Select the text instead."),
    );
  };
  return (
    <Button look="bare" icon className="size-7" aria-label={label} title={label} onClick={copy}>
      {copied ? <Check className="size-3.5 text-good" /> : <Copy className="size-3.5" />}
    </Button>
  );
}
