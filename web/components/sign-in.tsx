/** Asks for a token when the server does not answer without one. */
import { KeyRound } from "lucide-react";
import { type FormEvent, useState } from "react";
import { signIn, useSession } from "../graphql/session.ts";
import { Button } from "./button.tsx";
import { TextField } from "./field.tsx";

export function SignIn({ done }: { done: () => void }) {
  const session = useSession();
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (token.trim() === "") return;
    signIn(token.trim(), remember);
    done();
  };
  return (
    <main className="grid min-h-dvh place-items-center px-4">
      <form
        onSubmit={submit}
        className="flex w-full max-w-sm flex-col gap-3 rounded-xl border border-line bg-panel p-6"
      >
        <h1 className="flex items-center gap-2 text-base font-semibold">
          <KeyRound aria-hidden className="size-5 text-brass" /> Sign in to Escapement
        </h1>
        <p className="text-[13px] text-muted">
          This server asks for a token. The first one is its <code>ESCAPEMENT_TOKEN</code>, and an
          administrator makes more with <code>npx escapement tokens</code>.
        </p>
        <TextField
          label="Token"
          type="password"
          autoComplete="current-password"
          autoFocus
          value={token}
          onChange={(event) => setToken(event.target.value)}
          fault={session === "refused" ? "The server did not accept this token." : undefined}
        />
        <label className="flex items-center gap-2 text-[13px]">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.target.checked)} />
          Stay signed in on this computer
        </label>
        <Button look="primary" type="submit" className="mt-1">
          Sign in
        </Button>
      </form>
    </main>
  );
}
