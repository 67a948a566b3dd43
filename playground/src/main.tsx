import { render } from "preact";
import { App } from "./app.js";
import { createRun } from "./run.js";

const place = document.getElementById("app");
if (place === null) throw new Error("internal: the page has no place for the app");
render(<App run={createRun()} />, place);
