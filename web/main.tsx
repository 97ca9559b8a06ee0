/** Starts the dashboard. */
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "urql";
import { SignIn } from "./components/sign-in.tsx";
import { applyTheme } from "./components/theme.tsx";
import { openClient } from "./graphql/client.ts";
import { useSession } from "./graphql/session.ts";
import { router } from "./routes.tsx";
import "./styles.css";

applyTheme();

/** A new sign-in gets a new client, and with it an empty cache and a new socket. */
function Dashboard() {
  const session = useSession();
  const [client, setClient] = useState(openClient);
  if (session !== "open") return <SignIn done={() => setClient(openClient())} />;
  return (
    <Provider value={client}>
      <RouterProvider router={router} />
    </Provider>
  );
}

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <Dashboard />
  </StrictMode>,
);
