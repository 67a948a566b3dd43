import { useEffect, useRef } from "preact/hooks";
import type { Run } from "../../run.js";
import { sceneOf, scenes } from "../../scenes.js";
import { parts } from "../parts.js";
import "./scenes.css";

/** The scenes, each a link that sets it up and starts it, and what the chosen one shows. */
export function Scenes({ run }: { readonly run: Run }) {
  const { scene } = run.settings.value.view;
  const { text, part: shows } = sceneOf(scene);
  const chosen = useRef<HTMLAnchorElement>(null);
  // On a narrow page the row scrolls.
  useEffect(() => chosen.current?.scrollIntoView({ block: "nearest", inline: "nearest" }), [scene]);
  return (
    <nav class="scenes" aria-label="Scenes">
      <ul>
        {scenes.map(({ id, title, part }) => (
          <li key={id}>
            <a
              ref={id === scene ? chosen : null}
              href={`#scene=${id}`}
              aria-current={id === scene ? "true" : undefined}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
                event.preventDefault();
                run.stage(id);
                if (part !== "side-by-side") goTo(part);
              }}
            >
              {title}
            </a>
          </li>
        ))}
      </ul>
      <p>
        {text}{" "}
        {shows !== "side-by-side" && (
          <button type="button" class="link" onClick={() => goTo(shows)}>
            See {parts.findIndex(({ id }) => id === shows) + 1} · {parts.find(({ id }) => id === shows)?.title}
          </button>
        )}
      </p>
    </nav>
  );
}

function goTo(part: string): void {
  document.getElementById(part)?.scrollIntoView({ block: "start" });
}
