import { useEffect, useRef } from "preact/hooks";
import type { Run } from "../../run.js";
import { sceneOf, scenes } from "../../scenes.js";
import "./scenes.css";

/** The scenes, each a link that sets it up and starts it, and what the chosen one shows. */
export function Scenes({ run }: { readonly run: Run }) {
  const { scene } = run.settings.value.view;
  const { text } = sceneOf(scene);
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
                if (part !== "side-by-side") document.getElementById(part)?.scrollIntoView({ block: "start" });
              }}
            >
              {title}
            </a>
          </li>
        ))}
      </ul>
      <p>{text}</p>
    </nav>
  );
}
