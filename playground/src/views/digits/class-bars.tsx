import { likeliest } from "../../training/accuracy.js";

/** For each digit how sure each network is of it. */
export function ClassBars({ networks }: { readonly networks: readonly (Float32Array | null)[] }) {
  const best = networks.map((probabilities) => (probabilities === null ? null : likeliest(probabilities)));
  return (
    <>
      <p role="status" class="verdict">
        {best.map((digit, k) => (
          <span key={"AB"[k]} class={`tone-${"ab"[k]}`}>
            <span class="badge">{"AB"[k]}</span> {digit === null ? "–" : digit}{" "}
          </span>
        ))}
      </p>
      <table class="class-bars">
        <caption class="unseen">How sure each network is of each digit</caption>
        <thead>
          <tr>
            <th scope="col">digit</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: 10 }, (_, digit) => (
            <tr key={digit}>
              <th scope="row">{digit}</th>
              {networks.map((probabilities, k) => {
                const percent = probabilities === null ? 0 : Math.round(100 * probabilities[digit]);
                return (
                  <td key={"AB"[k]} class={`tone-${"ab"[k]} ${best[k] === digit ? "best" : ""}`}>
                    <span class="bar-frame">
                      <span class="bar-fill" style={{ width: `${percent}%` }} />
                    </span>
                    <span class="percent">{probabilities === null ? "–" : `${percent} %`}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
