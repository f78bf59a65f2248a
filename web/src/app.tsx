// The shell: header, navigation, and the page that the path names.

import { type ReactNode, useEffect, useRef, useState } from "react";
import * as api from "./api";
import { utc } from "./format";
import { useConnected, useLoad } from "./live";
import { useKeptSince } from "./offline";
import { Admin } from "./pages/Admin";
import { CertificatesPage } from "./pages/Certificates";
import { Challenges } from "./pages/Challenges";
import { DataProtectionPage } from "./pages/DataProtection";
import { Energy } from "./pages/Energy";
import { Explorer } from "./pages/Explorer";
import { Login, SignUp } from "./pages/Login";
import { MarketPage } from "./pages/Market";
import { ReservePage } from "./pages/Reserve";
import { RulesPage } from "./pages/Rules";
import { WalletPage } from "./pages/Wallet";
import { go, Link, usePath } from "./route";
import { signOut, useSession } from "./session";
import { Load, Notice, Page } from "./ui";
import type { Party } from "./types";
import { isStaff, UserContext } from "./user";

/** Whether a path below the market's is that of the standing rules. */
function isRules(path: string): boolean {
  return path.split(/[/?]/)[2] === "rules";
}

export function App() {
  const path = usePath();
  const session = useSession();
  const me = useLoad(session ? "me" : "nobody", async () => (session ? api.me() : null));
  const user = session ? me.data : null;
  const section = path.split(/[/?]/)[1] ?? "";

  useFocusOnNavigation(path);
  const needsUser = (show: (user: Party) => ReactNode) => {
    if (!session) return <Login next={path} />;
    if (user) return <UserContext value={user}>{show(user)}</UserContext>;
    return (
      <Page name="loading" title="One moment">
        <Load of={me}>{() => null}</Load>
      </Page>
    );
  };
  const pages: Record<string, () => ReactNode> = {
    "": () => needsUser(() => <MarketPage />),
    market: () => needsUser(() => (isRules(path) ? <RulesPage /> : <MarketPage />)),
    wallet: () => needsUser(() => <WalletPage path={path} />),
    certificates: () => needsUser(() => <CertificatesPage />),
    energy: () => needsUser(() => <Energy />),
    challenges: () => needsUser(() => <Challenges path={path} />),
    admin: () => needsUser(() => <Admin path={path} />),
    explorer: () => <Explorer path={path} />,
    reserve: () => <ReservePage />,
    "data-protection": () => <DataProtectionPage />,
    login: () => <Login next={new URLSearchParams(path.split("?")[1]).get("next") ?? "/"} />,
    signup: () => <SignUp />,
  };
  const page = pages[section];

  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Header section={section} user={user ?? null} />
      <main id="main" tabIndex={-1}>
        <Offline />
        {page ? (
          page()
        ) : (
          <Page name="not-found" title="There is no such page">
            <p>
              <Link href="/">Go to the market</Link>
            </p>
          </Page>
        )}
      </main>
      <footer className="foot">
        <Link href="/reserve" aria-current={section === "reserve" ? "page" : undefined}>
          Proof of reserve
        </Link>
        <Link href="/challenges" aria-current={section === "challenges" ? "page" : undefined}>
          Challenges
        </Link>
        <Link href="/data-protection" aria-current={section === "data-protection" ? "page" : undefined}>
          Data protection
        </Link>
      </footer>
      <Navigation section={section} user={user ?? null} place="bottom" />
    </>
  );
}

/** Says that what is shown was read earlier. */
function Offline() {
  const since = useKeptSince();
  if (!since) return null;
  return (
    <Notice tone="warn">
      The server cannot be reached. What is shown was read on {utc(since)}; whatever changed since is missing.
    </Notice>
  );
}

/** After a change of page the heading takes the focus, so that a screen reader begins there. */
function useFocusOnNavigation(path: string) {
  const place = path.split("?")[0];
  const before = useRef(place);
  useEffect(() => {
    if (before.current === place) return;
    before.current = place;
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }, [place]);
}

function Header({ section, user }: { section: string; user: Party | null }) {
  return (
    <header className="top">
      <Link href="/" className="brand" aria-label="Wattex, to the market">
        <img src="/icon.svg" alt="" width={30} height={30} />
        <span>Wattex</span>
      </Link>
      <Navigation section={section} user={user} place="top" />
      <div className="top-end">
        <LiveDot />
        <ThemeButton />
        {user ? (
          <div className="who">
            <span className="who-name" title={user.email}>
              {user.account?.pseudonym ?? user.name}
            </span>
            <button
              type="button"
              className="quiet"
              onClick={() => {
                signOut();
                go("/login");
              }}
            >
              Sign out
            </button>
          </div>
        ) : (
          <Link className="button small" href="/login">
            Sign in
          </Link>
        )}
      </div>
    </header>
  );
}

const ICONS: Record<string, string> = {
  market: "M3 17l5-6 4 3 6-8M14 6h4v4",
  wallet: "M3 7h14a2 2 0 012 2v8a2 2 0 01-2 2H5a2 2 0 01-2-2zm0 0V6a2 2 0 012-2h10v3M15 13h.5",
  energy: "M12 2L4 13h6l-1 8 8-11h-6z",
  explorer: "M11 2l8 4.5v9L11 20l-8-4.500v-9zM3 6.500l8 4.500 8-4.500M11 11v9",
  admin: "M11 3l7 3v5c0 4.500-3 7.500-7 9-4-1.500-7-4.500-7-9V6z",
};

/** The place in the navigation that a section without one of its own belongs to. */
const BELOW: Record<string, string> = { "": "market", certificates: "wallet" };

function Navigation(props: { section: string; user: Party | null; place: "top" | "bottom" }) {
  const items = [
    ["market", "/", "Market"],
    ["wallet", "/wallet", "Wallet"],
    ["energy", "/energy", "My energy"],
    ["explorer", "/explorer", "Explorer"],
    ...(isStaff(props.user) ? [["admin", "/admin", "Admin"]] : []),
  ] as [string, string, string][];
  const label = props.place === "top" ? "Main" : "Main, at the bottom";
  return (
    <nav className={`nav nav-${props.place}`} aria-label={label}>
      {items.map(([name, href, text]) => (
        <Link key={name} href={href} aria-current={(BELOW[props.section] ?? props.section) === name ? "page" : undefined}>
          <svg viewBox="0 0 22 22" width="20" height="20" aria-hidden="true">
            <path d={ICONS[name]} />
          </svg>
          <span>{text}</span>
        </Link>
      ))}
    </nav>
  );
}

function LiveDot() {
  const connected = useConnected();
  return (
    <span className={`live ${connected ? "on" : "off"}`} role="status">
      <i aria-hidden="true" />
      <span>{connected ? "Live" : "Connecting"}</span>
    </span>
  );
}

type Theme = "light" | "dark";

function systemTheme(): Theme {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Follows the system until it is pressed; then what was chosen is kept. */
function ThemeButton() {
  const [chosen, setChosen] = useState(() => localStorage.getItem("wattex.theme") as Theme | null);
  const [system, setSystem] = useState(systemTheme);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setSystem(systemTheme());
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    if (chosen) document.documentElement.dataset.theme = chosen;
  }, [chosen]);
  const other: Theme = (chosen ?? system) === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Use the ${other} theme`}
      title={`Use the ${other} theme`}
      onClick={() => {
        localStorage.setItem("wattex.theme", other);
        setChosen(other);
      }}
    >
      <svg viewBox="0 0 22 22" width="19" height="19" aria-hidden="true">
        {other === "dark" ? (
          <path d="M18 13.500A8 8 0 118.500 4a6.500 6.500 0 009.500 9.500z" />
        ) : (
          <path d="M11 7a4 4 0 100 8 4 4 0 000-8zM11 1v2M11 19v2M1 11h2M19 11h2M4 4l1.400 1.400M16.600 16.600L18 18M4 18l1.400-1.400M16.600 5.400L18 4" />
        )}
      </svg>
    </button>
  );
}
