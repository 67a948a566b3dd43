// Of the documentation site: a button below programs that need nothing but the library, which runs them in a worker,
// and a hint where a table or code scrolls sideways.
const site = new URL("..", document.currentScript.src);

/** Whether a program can run in a page: it imports the library alone. */
function isRunnable(code) {
  const imported = [...code.matchAll(/from "([^"]+)"/g)].map(([, name]) => name);
  return imported.length > 0 && imported.every((name) => name === "evenkeel");
}

function run(code, output) {
  const library = JSON.stringify(new URL("evenkeel.min.js", site).href);
  const print = 'console.log = (...values) => postMessage(values.join(" "));\n';
  const source = `${print}${code.replaceAll('from "evenkeel"', `from ${library}`)}\npostMessage(null);`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const end = (text) => {
    output.textContent += text;
    worker.terminate();
    URL.revokeObjectURL(url);
  };
  output.textContent = "";
  worker.onmessage = ({ data }) => {
    if (data === null) end("(done)\n");
    else output.textContent += `${data}\n`;
  };
  worker.onerror = ({ message }) => end(`it failed: ${message}\n`);
}

for (const block of document.querySelectorAll("pre > code.js")) {
  // TypeDoc breaks lines by elements, which textContent leaves out.
  const code = [...block.childNodes].map((node) => (node.nodeName === "BR" ? "\n" : node.textContent)).join("");
  if (!isRunnable(code)) continue;
  const button = document.createElement("button");
  const output = document.createElement("output");
  button.type = "button";
  button.className = "run-program";
  button.textContent = "Run";
  output.className = "program-output";
  output.setAttribute("aria-label", "What the program prints");
  button.addEventListener("click", () => run(code, output));
  block.parentElement.after(button, output);
}

/** Marks what has more to the right than it shows. */
for (const part of document.querySelectorAll(".tsd-typography table, .tsd-typography pre")) {
  const mark = () => part.classList.toggle("has-more", part.scrollLeft + part.clientWidth < part.scrollWidth - 1);
  part.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(part);
}
