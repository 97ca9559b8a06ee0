/** Every page of the dashboard and what its address may hold. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from "@tanstack/react-router";
import { Missing, PageFault } from "./components/fault-page.tsx";
import { Loading } from "./components/notice.tsx";
import { Shell } from "./components/shell.tsx";
import {
  backfillSearch,
  calendarSearch,
  dateSearch,
  deadLetterSearch,
  executorSearch,
  forecastSearch,
  jobSearch,
  ledgerSearch,
  namespaceSearch,
  overviewSearch,
  parseSearch,
  runSearch,
  stringifySearch,
  triggerSearch,
  yearSearch,
} from "./model/search.ts";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: Missing,
  validateSearch: namespaceSearch,
  search: { middlewares: [retainSearchParams(["ns"])] },
});
const getParentRoute = () => root;

const routes = [
  createRoute({
    getParentRoute,
    path: "/",
    validateSearch: overviewSearch,
    component: lazyRouteComponent(() => import("./pages/overview.tsx"), "OverviewPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/runs",
    validateSearch: runSearch,
    component: lazyRouteComponent(() => import("./pages/runs.tsx"), "RunsPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/runs/$id",
    component: lazyRouteComponent(() => import("./pages/run.tsx"), "RunPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/dead-letters",
    validateSearch: deadLetterSearch,
    component: lazyRouteComponent(() => import("./pages/dead-letters.tsx"), "DeadLettersPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/jobs",
    validateSearch: jobSearch,
    component: lazyRouteComponent(() => import("./pages/jobs.tsx"), "JobsPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/jobs/$name",
    component: lazyRouteComponent(() => import("./pages/job.tsx"), "JobPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/triggers",
    validateSearch: triggerSearch,
    component: lazyRouteComponent(() => import("./pages/triggers.tsx"), "TriggersPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/triggers/$name",
    validateSearch: ledgerSearch,
    component: lazyRouteComponent(() => import("./pages/trigger.tsx"), "TriggerPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/forecast",
    validateSearch: forecastSearch,
    component: lazyRouteComponent(() => import("./pages/forecast.tsx"), "ForecastPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/calendars",
    validateSearch: calendarSearch,
    component: lazyRouteComponent(() => import("./pages/calendars.tsx"), "CalendarsPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/calendars/$name",
    validateSearch: yearSearch,
    component: lazyRouteComponent(() => import("./pages/calendar.tsx"), "CalendarPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/backfills",
    validateSearch: backfillSearch,
    component: lazyRouteComponent(() => import("./pages/backfills.tsx"), "BackfillsPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/backfills/$id",
    validateSearch: dateSearch,
    component: lazyRouteComponent(() => import("./pages/backfill.tsx"), "BackfillPage"),
  }),
  createRoute({
    getParentRoute,
    path: "/executors",
    validateSearch: executorSearch,
    component: lazyRouteComponent(() => import("./pages/executors.tsx"), "ExecutorsPage"),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPendingComponent: Loading,
  defaultErrorComponent: PageFault,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
