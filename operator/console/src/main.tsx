import { render } from "preact";
import { App } from "./app";
import { session } from "./state/session";
import "./base";
import "./state/theme";

void session.start();
render(<App />, document.getElementById("app")!);
