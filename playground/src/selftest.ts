/** The page selftest.html: tells of each group of members as it is done, then the whole report as JSON. */
import { type SelfTestRow, selfTest } from "evenkeel/webgpu";

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`selftest.html lacks #${id}`);
  return found;
}

function show({ name, error, most, isGood, message }: SelfTestRow): void {
  const row = document.createElement("tr");
  const cells = [name, error === null ? `refused: ${message}` : error.toExponential(1), most.toExponential(1)];
  for (const text of [...cells, isGood ? "ok" : "FAIL"]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    row.append(cell);
  }
  element("rows").append(row);
  element("results").hidden = false;
}

try {
  const report = await selfTest({}, show);
  const { device, isSoftware, rows, hasClock } = report;
  const good = rows.filter(({ isGood }) => isGood).length;
  element("state").textContent =
    `${device}${isSoftware ? " (software)" : ""}: ${good} of ${rows.length} groups as promised` +
    (isSoftware || hasClock ? "" : "; speed is not measured, since the device has no timestamp-query");
  element("report").textContent = JSON.stringify({ ...report, browser: navigator.userAgent }, null, 2);
} catch (error) {
  element("state").textContent = error instanceof Error ? error.message : String(error);
}
