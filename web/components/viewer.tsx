/** Who looks at the page, and at which namespace. Pages below the gate can count on both. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { createContext, type ReactNode, useContext, useEffect } from "react";
import { type CombinedError, useClient } from "urql";
import { useLiveQuery } from "../graphql/live.ts";
import { HasJobs, WhoAsks } from "../graphql/overview.ts";
import { currentToken, leave } from "../graphql/session.ts";
import { chooseNamespace } from "../model/namespace.ts";
import { Button } from "./button.tsx";
import { Fault, Loading } from "./notice.tsx";

const KEY = "escapement.namespace";

type Viewer = {
  namespace: string;
  namespaces: readonly string[];
  /** Whether the caller may start, cancel, pause and create. */
  mayOperate: boolean;
  /** Whether the caller may create jobs and triggers. */
  mayDefine: boolean;
  /** Whether the caller's token is for every namespace. */
  seesAll: boolean;
  /** Whether the server asks for tokens at all. */
  signedIn: boolean;
};

const ViewerContext = createContext<Viewer | null>(null);

/** The viewer; only below {@link ViewerGate}. */
export function useViewer(): Viewer {
  const viewer = useContext(ViewerContext);
  if (viewer === null) throw new Error("useViewer needs a ViewerGate above it");
  return viewer;
}

/** Asks who the viewer is, settles on a namespace and writes it into the address. */
export function ViewerGate({ children }: { children: ReactNode }) {
  const client = useClient();
  const navigate = useNavigate();
  const { ns } = useSearch({ from: "__root__" });
  const { data, error, reload } = useLiveQuery(WhoAsks, {});

  useEffect(() => {
    if (data === undefined) return;
    if (ns !== undefined) return localStorage.setItem(KEY, ns);
    let wanted = true;
    const own = data.viewer.namespace;
    const names = own === null ? data.namespaces.map((each) => each.name) : [own];
    const hasJobs = async (namespace: string): Promise<boolean> => {
      const jobs = await client.query(HasJobs, { namespace });
      return (jobs.data?.jobs.nodes.length ?? 0) > 0;
    };
    chooseNamespace(names, localStorage.getItem(KEY), hasJobs).then((chosen) => {
      if (wanted) navigate({ to: ".", search: (search) => ({ ...search, ns: chosen }), replace: true });
    });
    return () => {
      wanted = false;
    };
  }, [client, navigate, data, ns]);

  if (data === undefined && error !== undefined) return <Unanswered error={error} retry={reload} />;
  if (data === undefined || ns === undefined) return <Loading />;
  const { role, namespace: own, authentication } = data.viewer;
  const names = own === null ? data.namespaces.map((each) => each.name) : [own];
  const viewer: Viewer = {
    namespace: ns,
    namespaces: names.includes(ns) ? names : [...names, ns],
    mayOperate: role === "OPERATOR" || role === "ADMIN",
    mayDefine: role === "ADMIN",
    seesAll: own === null,
    signedIn: authentication,
  };
  return <ViewerContext value={viewer}>{children}</ViewerContext>;
}

/** The server does not say who asks: it is away, or the token is not one for people. */
function Unanswered({ error, retry }: { error: CombinedError; retry: () => void }) {
  return (
    <main className="mx-auto max-w-xl py-16">
      <Fault error={error} retry={retry} />
      {currentToken() !== null && (
        <p className="px-4">
          <Button onClick={leave}>Sign in with another token</Button>
        </p>
      )}
    </main>
  );
}
