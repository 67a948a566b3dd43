import { flag } from "./flag.js";

const group = "Output";

export const output = flag("-o, --output <path>", { group, help: "path to write to" });
export const dryRun = flag("--dry-run", { group, help: "list the changes, and write nothing" });
export const json = flag("--json", { group, help: "print JSON" });
