/** The frame around every page: navigation, namespace, theme, and the state of the connection. */
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import {
  Boxes,
  Braces,
  CalendarClock,
  CalendarOff,
  ChartColumn,
  Ellipsis,
  Gauge,
  History,
  ListChecks,
  LogOut,
  type LucideIcon,
  MailWarning,
  Server,
} from "lucide-react";
import { useRef } from "react";
import { Toaster } from "sonner";
import { leave } from "../graphql/session.ts";
import { formatCount } from "../model/time.ts";
import { Brand } from "./brand.tsx";
import { Button } from "./button.tsx";
import { ConnectionBanner } from "./connection-banner.tsx";
import { NumbersFeed, useNumbers } from "./numbers.tsx";
import { ThemeToggle, useTheme } from "./theme.tsx";
import { useViewer, ViewerGate } from "./viewer.tsx";

type PageLink = {
  to:
    | "/"
    | "/runs"
    | "/jobs"
    | "/triggers"
    | "/forecast"
    | "/calendars"
    | "/backfills"
    | "/executors"
    | "/dead-letters";
  word: string;
  icon: LucideIcon;
};

/** In the order of the column at the left; a phone's bar has room for the first four and a menu with the others. */
const PAGES: readonly PageLink[] = [
  { to: "/", word: "Overview", icon: Gauge },
  { to: "/runs", word: "Runs", icon: ListChecks },
  { to: "/jobs", word: "Jobs", icon: Boxes },
  { to: "/triggers", word: "Triggers", icon: CalendarClock },
  { to: "/forecast", word: "Forecast", icon: ChartColumn },
  { to: "/calendars", word: "Calendars", icon: CalendarOff },
  { to: "/backfills", word: "Backfills", icon: History },
  { to: "/executors", word: "Executors", icon: Server },
  { to: "/dead-letters", word: "Dead letters", icon: MailWarning },
];
const ON_A_PHONE = 4;

export function Shell() {
  const theme = useTheme();
  return (
    <div className="min-h-dvh">
      <ConnectionBanner />
      <ViewerGate>
        <NumbersFeed>
          <Frame />
        </NumbersFeed>
      </ViewerGate>
      <Toaster theme={theme} position="bottom-right" offset={16} mobileOffset={{ bottom: 72 }} />
    </div>
  );
}

function Frame() {
  return (
    <div className="lg:grid lg:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded focus:bg-panel focus:px-3 focus:py-2"
      >
        Skip to the content
      </a>
      <div className="flex items-center justify-between gap-3 border-line px-4 max-lg:h-12 max-lg:border-b max-lg:bg-panel lg:sticky lg:top-0 lg:h-dvh lg:flex-col lg:items-stretch lg:justify-start lg:border-r lg:px-3 lg:py-4">
        <div className="lg:px-2 lg:pb-1">
          <Brand />
        </div>
        <div className="flex min-w-0 items-center gap-1 lg:mt-1 lg:mb-2 lg:px-1">
          <NamespaceSwitcher />
          <div className="lg:hidden">
            <ThemeToggle />
          </div>
        </div>
        <Navigation />
        <div className="mt-auto flex items-center justify-between px-1 max-lg:hidden">
          <ThemeToggle />
          <a
            href="/graphql"
            title="Try the GraphQL API"
            className="inline-flex items-center gap-1.5 rounded-md px-2 py-1.5 text-xs text-muted hover:bg-sunken hover:text-ink"
          >
            <Braces aria-hidden className="size-4" /> GraphQL
          </a>
          <SignOut />
        </div>
      </div>
      <main id="content" className="mx-auto w-full max-w-[86rem] min-w-0 px-3 pt-5 pb-24 sm:px-6 lg:pb-10">
        <Outlet />
      </main>
    </div>
  );
}

/** A bar at the bottom on a phone, a column at the left on a desk. */
function Navigation() {
  return (
    <nav
      aria-label="Pages"
      className="flex max-lg:fixed max-lg:inset-x-0 max-lg:bottom-0 max-lg:z-20 max-lg:justify-around max-lg:border-t max-lg:border-line max-lg:bg-panel max-lg:pb-[env(safe-area-inset-bottom)] lg:flex-col lg:gap-0.5"
    >
      {PAGES.map((page, at) => (
        <PageLinkItem key={page.to} page={page} className={at < ON_A_PHONE ? BAR : `${BAR} max-lg:hidden`} />
      ))}
      <More />
    </nav>
  );
}

const BAR =
  "flex items-center whitespace-nowrap text-muted hover:text-ink max-lg:flex-1 max-lg:flex-col max-lg:gap-0.5 max-lg:py-1.5 max-lg:text-[11px] lg:gap-2.5 lg:rounded-md lg:px-2.5 lg:py-1.5 lg:text-[13px] lg:font-medium";

type PageLinkItemProps = { page: PageLink; className: string; onClick?: () => void };

function PageLinkItem({ page: { to, word, icon: Picture }, className, onClick }: PageLinkItemProps) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === "/", includeSearch: false }}
      activeProps={{ className: "text-accent! lg:bg-accent/10" }}
      className={className}
      {...(onClick === undefined ? {} : { onClick })}
    >
      <Picture aria-hidden className="size-4.5 lg:size-4" />
      {word}
      <Tally page={to} />
    </Link>
  );
}

/** What a phone's bar has no room for. The browser closes it on Escape and on a touch beside it. */
function More() {
  const menu = useRef<HTMLDivElement>(null);
  const path = useLocation({ select: ({ pathname }) => pathname });
  const hidden = PAGES.slice(ON_A_PHONE);
  const within = hidden.some(({ to }) => path.startsWith(to));
  return (
    <>
      <button
        type="button"
        popoverTarget="more-pages"
        className={`${BAR} lg:hidden ${within ? "text-accent!" : ""}`}
      >
        <Ellipsis aria-hidden className="size-4.5" />
        More
      </button>
      <div
        id="more-pages"
        ref={menu}
        popover="auto"
        className="fixed inset-auto right-2 bottom-16 m-0 min-w-44 rounded-lg border border-line bg-panel p-1 text-ink shadow-2xl lg:hidden"
      >
        {hidden.map((page) => (
          <PageLinkItem
            key={page.to}
            page={page}
            onClick={() => menu.current?.hidePopover()}
            className="flex items-center gap-3 rounded-md px-3 py-2.5 text-[13px] font-medium hover:bg-sunken"
          />
        ))}
      </div>
    </>
  );
}

/** What goes on behind a page, beside its name. */
function Tally({ page }: { page: string }) {
  const numbers = useNumbers();
  if (numbers === undefined) return null;
  const said =
    page === "/runs" && numbers.running > 0
      ? { count: numbers.running, what: "running" }
      : page === "/executors" && numbers.executorsOnline > 0
        ? { count: numbers.executorsOnline, what: "online" }
        : undefined;
  if (said === undefined) return null;
  return (
    <span
      title={`${said.count} ${said.what}`}
      className="ml-auto text-xs font-normal text-muted tabular-nums max-lg:hidden"
    >
      {formatCount(said.count)} <span className="sr-only">{said.what}</span>
    </span>
  );
}

function NamespaceSwitcher() {
  const { namespace, namespaces } = useViewer();
  const navigate = useNavigate();
  return (
    <label className="min-w-0 lg:w-full">
      <span className="px-1 text-[11px] text-muted max-lg:sr-only">Namespace</span>
      <select
        value={namespace}
        // Another namespace has other jobs, runs and cursors: its lists start without filters.
        onChange={(event) =>
          navigate({ to: topOf(window.location.pathname), search: { ns: event.target.value } })
        }
        className="h-8 w-full max-w-40 truncate rounded-md border border-line bg-panel px-2 text-[13px] font-medium lg:max-w-none"
      >
        {namespaces.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The list that a page belongs to. */
const topOf = (path: string) => PAGES.find(({ to }) => to !== "/" && path.startsWith(to))?.to ?? "/";

function SignOut() {
  const { signedIn } = useViewer();
  if (!signedIn) return null;
  return (
    <Button look="bare" icon aria-label="Sign out" title="Sign out" onClick={leave}>
      <LogOut className="size-4" />
    </Button>
  );
}
