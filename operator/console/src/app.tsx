/** Which page is shown, and what lies over it. */
import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { FlowPage } from "./flows/flow";
import { FlowsPage } from "./flows/page";
import { ListPage } from "./list/page";
import { NewPage, PackagePage } from "./package/page";
import { SessionEnded, SignInPage } from "./pages/signin";
import { tellOfBuilds } from "./state/builds";
import { chosen, loadNamespaces } from "./state/namespaces";
import { flows } from "./state/flows";
import { packages } from "./state/packages";
import { go, page } from "./state/route";
import { session } from "./state/session";
import { Announcer } from "./ui/announcer";
import { Frame } from "./ui/frame";
import { Help } from "./ui/help";
import { useKeys } from "./ui/keys";
import { Button, Face } from "./ui/parts";
import { Toasts } from "./ui/toasts";

export function App(): JSX.Element {
  const state = session.state.value;
  return (
    <>
      {state.is === "in" ? <SignedIn /> : state.is === "out" ? <SignInPage problem={state.problem} tried={state.tried} /> : <main class="starting" aria-busy="true" />}
      <Toasts />
      <Announcer />
    </>
  );
}

function SignedIn(): JSX.Element {
  const [help, setHelp] = useState(false);
  useEffect(() => {
    tellOfBuilds();
    let stop = () => {};
    void loadNamespaces()
      .catch(() => undefined) // the picker takes names that are typed
      .then(() => {
        stop = effect(follow);
      });
    return () => stop();
  }, []);
  useKeys({ "?": () => setHelp(true), "g p": () => go("packages"), "g f": () => go("flows"), n: () => go("new") });
  return (
    <>
      <Frame onHelp={() => setHelp(true)}>
        <Shown />
      </Frame>
      {help && <Help onClose={() => setHelp(false)} />}
      {session.ended.value && <SessionEnded />}
    </>
  );
}

/** Keeps the list of the page's namespace open, of packages or of flows: one stream in each window. */
function follow(): void {
  const here = page.value;
  const [list, other] = here.is === "flows" || here.is === "flow" ? [flows, packages] : [packages, flows];
  other.pause(true);
  if (!("namespace" in here)) list.open(chosen.value);
  else list.open(list.covers(here.namespace) ? list.scope.value : here.namespace);
}

function Shown(): JSX.Element {
  const here = page.value;
  useEffect(() => {
    document.title = ({ packages: "Dep Packages · DAGY", flows: "Flows · DAGY" } as Record<string, string>)[here.is] ?? "DAGY";
  }, [here]);
  switch (here.is) {
    case "packages":
      return <ListPage />;
    case "new":
      return <NewPage />;
    case "package":
      return <PackagePage key={`${here.namespace}/${here.name}`} namespace={here.namespace} name={here.name} />;
    case "flows":
      return <FlowsPage />;
    case "flow":
      return <FlowPage key={`${here.namespace}/${here.name}`} namespace={here.namespace} name={here.name} />;
    default:
      return <Unknown />;
  }
}

function Unknown(): JSX.Element {
  return (
    <main class="page" id="main">
      <Face level={1} icon="search" title="There is no such page" actions={<Button onClick={() => go("packages")}>Dep Packages</Button>}>
        <p>The address is none of the console's. It may be of an older release.</p>
      </Face>
    </main>
  );
}
